//! Proves queued jobs, one after another, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eyre::{Report, eyre};

use super::Server;
use super::job::{Job, Proven, State};
use crate::output::{Output, sentence};
use crate::progress::Listener;

/// How long it waits at most for somebody to wake it.
const LOOK: Duration = Duration::from_secs(5);

/// Works until the server stops; what it has begun by then it ends.
pub fn work(server: &Arc<Server>) {
    let models: Vec<String> = server.models.keys().cloned().collect();
    while !server.is_stopping() {
        let seen = server.rung();
        match server.store.claim(&models) {
            Ok(Some(job)) => prove(server, &job),
            Ok(None) => server.wait(seen, LOOK),
            Err(error) => {
                let text = format!("cannot take a job: {}", sentence(&error));
                server.out.warning(&text);
                server.wait(seen, LOOK);
            }
        }
    }
}

fn prove(server: &Arc<Server>, job: &Job) {
    server.changed(job);
    let begun = Instant::now();
    let to = Arc::clone(server);
    let id = job.id.clone();
    let listener = Listener::new(move |event| to.events.progress(&id, event));
    let made = listener.hear(|| catch_unwind(AssertUnwindSafe(|| proof(server, job))));
    let made = made.unwrap_or_else(|_| Err(eyre!("the prover failed inside; please report it")));
    let changed = match &made {
        Ok(proven) => server.store.proven(&job.id, proven),
        Err(error) => server.store.fail(&job.id, &sentence(error)),
    };
    match changed {
        Ok(job) => {
            if job.state == State::Proven {
                server.metrics.proven(begun.elapsed());
            }
            server.inputs.remove(&job.id);
            server.changed(&job);
        }
        // It stays what it was; should even this fail, the next server queues it.
        Err(error) => {
            let text = format!("cannot keep what became of job {}: ", job.id);
            server.out.warning(&(text + &sentence(&error)));
            if let Ok(job) = server.store.requeue(&job.id) {
                server.changed(&job);
            }
            server.wait(server.rung(), LOOK);
        }
    }
}

fn proof(server: &Server, job: &Job) -> Result<Proven, Report> {
    let served = server
        .models
        .get(&job.model)
        .ok_or_else(|| eyre!("model {} is not served", job.model))?;
    let (context, scope) = (job.context.as_deref(), job.scope.as_deref());
    let bound = server.inputs.bound(&job.id, context, scope)?;
    // Stages go to the job's listeners.
    let out = Output {
        json: true,
        quiet: true,
    };
    let input = server.inputs.input(&job.id);
    served.prove(&input, &bound, out).map_err(|error| {
        // Who asked knows neither folder nor file.
        let place = input.display().to_string();
        Report::msg(sentence(&error).replace(&place, "the input"))
    })
}
