//! `laminate serve`: jobs over HTTP, proven one after another, and submitted.
//!
//! | module | what |
//! | --- | --- |
//! | [`job`] | what a job is |
//! | [`store`] | jobs in SQLite, and how their states change |
//! | [`inputs`] | their private inputs |
//! | [`models`] | what they are proven with, read once |
//! | [`events`] | what happens to them, for those who listen |
//! | [`prover`] | takes queued jobs and proves them |
//! | [`submitter`] | brings proofs to the chain, each statement once |
//! | [`keys`] | who may ask |
//! | [`metrics`] | counts for Prometheus |
//! | [`http`] | the interface |
//! | [`listen`] | connections, bounded in number and time |
//!
//! A job is answered for when it and its input are on the disk. Whatever ends the process, the next one goes on: a job
//! that was being proven is queued again, with the same committed input and so the same statement, and one that was being
//! submitted is looked for on the chain before anything is sent.

pub mod events;
pub mod http;
pub mod inputs;
pub mod job;
pub mod keys;
pub mod listen;
pub mod metrics;
pub mod models;
pub mod prover;
pub mod store;
pub mod submitter;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use self::events::Events;
use self::inputs::Inputs;
use self::job::Job;
use self::keys::Keys;
use self::metrics::Metrics;
use self::models::Served;
use self::store::Store;
use crate::output::Output;

/// What the API takes at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Jobs that wait.
    pub queue: u32,
    /// Connections at once.
    pub connections: usize,
    /// Time for a request's head, and for its body.
    pub patience: Duration,
}

/// A running server.
pub struct Server {
    /// Jobs.
    pub store: Store,
    /// Their inputs.
    pub inputs: Inputs,
    /// What happens to them.
    pub events: Events,
    /// Models by name.
    pub models: BTreeMap<String, Arc<Served>>,
    /// Who may ask; everybody on this machine if there are none.
    pub keys: Keys,
    /// Bounds.
    pub limits: Limits,
    /// Counts.
    pub metrics: Metrics,
    /// How it speaks.
    pub out: Output,
    bell: Bell,
    stopping: watch::Sender<bool>,
}

/// Wakes workers.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
    stopping: AtomicBool,
}

/// What a server is made of.
pub struct Parts {
    /// Jobs.
    pub store: Store,
    /// Their inputs.
    pub inputs: Inputs,
    /// Models.
    pub models: Vec<Served>,
    /// Who may ask.
    pub keys: Keys,
    /// Bounds.
    pub limits: Limits,
    /// How it speaks.
    pub out: Output,
}

impl Server {
    /// Takes up where the last process ended: what it was proving is queued, and inputs that nobody needs are removed.
    ///
    /// # Errors
    /// If jobs or inputs cannot be read or written.
    pub fn start(parts: Parts) -> eyre::Result<Self> {
        let Parts {
            store,
            inputs,
            models,
            keys,
            limits,
            out,
        } = parts;
        let (queued, failed) = store.recover()?;
        if queued + failed > 0 {
            out.line(&format!(
                "the last server was proving {} jobs; {queued} are queued again, {failed} have failed too often",
                queued + failed
            ));
        }
        inputs.clean(&store.unproven()?)?;
        let models = models.into_iter().map(|m| (m.name.clone(), Arc::new(m)));
        Ok(Self {
            store,
            inputs,
            events: Events::default(),
            models: models.collect(),
            keys,
            limits,
            metrics: Metrics::default(),
            out,
            bell: Bell::default(),
            stopping: watch::Sender::new(false),
        })
    }

    /// A job's state is another: tells listeners and the log, counts, and wakes who goes on with it.
    pub fn changed(&self, job: &Job) {
        self.events.state(job);
        self.metrics.state(job.state);
        // Neither inputs nor outputs, nor errors, which may cite them.
        self.out.line(&format!(
            "job {} of model {}: {}",
            job.id,
            job.model,
            job.state.name()
        ));
        self.ring();
    }

    /// Wakes every worker.
    pub fn ring(&self) {
        let mut rung = self
            .bell
            .rung
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *rung = rung.wrapping_add(1);
        self.bell.heard.notify_all();
    }

    /// How often workers were woken so far.
    fn rung(&self) -> u64 {
        *self
            .bell
            .rung
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until workers are woken once more than `seen` times, at most `most`.
    fn wait(&self, seen: u64, most: Duration) {
        let rung = self
            .bell
            .rung
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waits = |rung: &mut u64| *rung == seen && !self.is_stopping();
        drop(self.bell.heard.wait_timeout_while(rung, most, waits));
    }

    /// Workers take nothing more, and listeners are sent home.
    pub fn stop(&self) {
        self.bell.stopping.store(true, Ordering::SeqCst);
        self.stopping.send_replace(true);
        self.ring();
    }

    /// Whether it is about to end.
    pub fn is_stopping(&self) -> bool {
        self.bell.stopping.load(Ordering::SeqCst)
    }

    /// Changes when the server is about to end.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}
