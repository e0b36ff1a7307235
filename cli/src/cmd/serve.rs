//! `laminate serve`: a prover over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::chain::code::require_recorded;
use crate::chain::manifest::Manifest;
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, RpcChain};
use crate::output::Output;
use crate::serve::inputs::Inputs;
use crate::serve::keys::Keys;
use crate::serve::models::{Registered, Served, Strings, View, named};
use crate::serve::store::Store;
use crate::serve::submitter::{self, Destination};
use crate::serve::{Limits, Parts, Server, http, listen, prover};

/// Prove over HTTP: jobs in a queue that no crash loses, and their proofs onto a chain.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate serve fraud\n  laminate serve fraud digits=models/digits-8 --listen 0.0.0.0:8780 --api-keys keys.txt\n  laminate serve fraud --deployment deployment.json --rpc-url http://127.0.0.1:8545 --keystore me\n  curl --data-binary @row.csv -H 'content-type: text/csv' 'http://127.0.0.1:8780/v1/jobs?model=fraud'\n\nThe folders need `commit` and `setup` first. Jobs are in the database, their inputs beside it, readable by their owner\nalone and removed once they are proven. Without --api-keys only this machine is served. A file of keys has lines\n`NAME HASH`, the hash being the SHA-256 of a key in hex. There is no TLS: put a proxy before it. SIGTERM ends it after\nthe job at hand, or after --grace seconds, when that is queued again for the next start."
)]
pub struct Serve {
    /// Model folders, each called by its last part, or NAME=DIR.
    #[arg(required = true, value_name = "DIR")]
    pub models: Vec<String>,
    /// Address and port; port 0 takes a free one, which the result names.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8780")]
    pub listen: SocketAddr,
    /// Who may ask: lines of a name and the SHA-256 of an API key.
    #[arg(long, value_name = "FILE")]
    pub api_keys: Option<PathBuf>,
    /// The jobs. Beside it is a folder FILE.inputs.
    #[arg(long, value_name = "FILE", default_value = "jobs.db")]
    pub db: PathBuf,
    /// Record made by `laminate deploy`, whose registry takes proofs of one of the models; may be repeated, for one chain.
    #[arg(long, value_name = "FILE", requires = "rpc_url")]
    pub deployment: Vec<PathBuf>,
    /// The node's HTTP address.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    pub rpc_url: Option<String>,
    /// The chain the node must be on.
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<u64>,
    /// Seconds to wait for a node's answer, and for a transaction to be in a block.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    #[command(flatten)]
    pub signer: SignerArgs,
    /// Jobs that are proven at once. Each takes a proof's memory, and all share the processors.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub jobs: u64,
    /// Jobs that may wait; others are refused with status 429.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// Most bytes of a request's body.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub max_body: u64,
    /// Most connections at once.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub max_connections: u64,
    /// Seconds that a request's head may take to come, and its body.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub patience: u64,
    /// Seconds that a proof under way may take when the server is told to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u64,
    /// Pages of this origin may ask, too; may be repeated.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Keep the inputs of jobs that are done.
    #[arg(long)]
    pub keep_inputs: bool,
}

/// What `serve` reports once it answers.
#[derive(Debug, Serialize)]
struct Report {
    listening: String,
    models: Vec<View>,
}

impl Serve {
    /// Runs the command, until it is told to end.
    ///
    /// # Errors
    /// An address that is taken, models that cannot be proven with, another server on the database, a node or deployment
    /// that does not fit.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let keys = self.keys()?;
        // Before minutes of loading: what another server has.
        let listener = TcpListener::bind(self.listen)
            .await
            .wrap_err_with(|| format!("cannot listen on {}", self.listen))?;
        let inputs = Inputs::open(&self.db, self.keep_inputs)?;
        let store = Store::open(&self.db)?;
        let mut models = self.load(out)?;
        let destination = self.destination(&mut models).await?;
        let server = Arc::new(Server::start(Parts {
            store,
            inputs,
            models,
            keys,
            limits: self.limits(),
            out,
        })?);
        let service = http::service(&server, &self.origin)?;
        let stop = stopped()?;
        let (ended, ends) = mpsc::channel();
        let workers = self.work(&server, destination, &ended)?;
        let listening = format!("http://{}", listener.local_addr()?);
        let report = Report {
            models: server.models.values().map(|m| m.view.clone()).collect(),
            listening,
        };
        out.result(&format!("listening on {}", report.listening), &report)?;
        listen::serve(&server, listener, service, stop).await;
        self.end(&server, workers, ends).await
    }

    fn keys(&self) -> eyre::Result<Keys> {
        ensure!(
            self.api_keys.is_some() || self.listen.ip().is_loopback(),
            "--listen {}: other machines are served with --api-keys only",
            self.listen
        );
        let keys = self.api_keys.as_deref().map(Keys::read).transpose()?;
        Ok(keys.unwrap_or_default())
    }

    fn limits(&self) -> Limits {
        Limits {
            body: self.max_body as usize,
            queue: self.queue,
            connections: self.max_connections as usize,
            patience: Duration::from_secs(self.patience),
        }
    }

    fn load(&self, out: Output) -> eyre::Result<Vec<Served>> {
        let mut strings = Strings::default();
        let mut models: Vec<Served> = vec![];
        for argument in &self.models {
            let (name, dir) = named(argument)?;
            ensure!(
                models.iter().all(|m| m.name != name),
                "two models are called {name}; call one otherwise: NAME={}",
                dir.display()
            );
            let _stage = out.stage(format!("Loading {name}"));
            let served = Served::load(&name, &dir, &mut strings, out)?;
            if served.is_development() {
                out.warning(&format!(
                    "{name} has keys of a development reference string: everybody can forge its proofs"
                ));
            }
            models.push(served);
        }
        Ok(models)
    }

    /// The chain, whose contracts are looked at, with the models that they take proofs of.
    async fn destination(
        &self,
        models: &mut [Served],
    ) -> eyre::Result<Option<(RpcChain, Vec<Manifest>)>> {
        let Some(rpc_url) = self.rpc_url.clone().filter(|_| !self.deployment.is_empty()) else {
            return Ok(None);
        };
        let node = NodeArgs {
            rpc_url,
            chain_id: self.chain_id,
            timeout: self.timeout,
        };
        let rpc = RpcChain::connect(&node, Some(self.signer.signer()?)).await?;
        let mut chain = Chain::Rpc(rpc.with_legacy(self.signer.legacy));
        let mut deployments = vec![];
        for path in &self.deployment {
            let manifest = Manifest::read(path)?;
            let place = || path.display().to_string();
            manifest
                .require_chain(chain.chain_id())
                .wrap_err_with(place)?;
            require_recorded(&mut chain, &manifest)
                .await
                .wrap_err_with(place)?;
            require_model(&manifest, models).wrap_err_with(place)?;
            deployments.push(manifest);
        }
        Ok(match chain {
            Chain::Rpc(rpc) => Some((rpc, deployments)),
            Chain::Embedded(_) => None,
        })
    }

    /// Starts the threads that prove and submit; how many.
    fn work(
        &self,
        server: &Arc<Server>,
        destination: Option<(RpcChain, Vec<Manifest>)>,
        ended: &mpsc::Sender<()>,
    ) -> eyre::Result<usize> {
        let start = |name: String, work: Box<dyn FnOnce() + Send>| {
            let ended = ended.clone();
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                work();
                // Nobody may be waiting any more.
                let _ = ended.send(());
            });
            thread.map(drop).wrap_err("cannot start a thread")
        };
        for index in 0..self.jobs {
            let server = Arc::clone(server);
            let work = Box::new(move || prover::work(&server));
            start(format!("prover {index}"), work)?;
        }
        let provers = self.jobs as usize;
        let Some((rpc, deployments)) = destination else {
            return Ok(provers);
        };
        let (server, runtime) = (Arc::clone(server), Handle::current());
        let work = Box::new(move || {
            let chain = Chain::Rpc(rpc);
            let destination = Destination { chain, deployments };
            submitter::work(&server, destination, &runtime);
        });
        start("submitter".into(), work)?;
        Ok(provers + 1)
    }

    /// Waits for what is under way, and queues what takes too long.
    async fn end(
        &self,
        server: &Arc<Server>,
        workers: usize,
        ends: mpsc::Receiver<()>,
    ) -> eyre::Result<()> {
        let grace = Duration::from_secs(self.grace);
        let until = std::time::Instant::now() + grace;
        let waiting = tokio::task::spawn_blocking(move || {
            (0..workers).all(|_| {
                let left = until.saturating_duration_since(std::time::Instant::now());
                ends.recv_timeout(left).is_ok()
            })
        });
        let again = stopped()?;
        let ended = tokio::select! {
            ended = waiting => ended?,
            () = again => false,
        };
        if !ended {
            for id in server.store.proving()? {
                // One that came to its end meanwhile is not proving any more.
                if let Ok(job) = server.store.requeue(&id) {
                    server.changed(&job);
                }
            }
            server
                .out
                .line("ended before what was under way: the next start goes on with it");
            // Provers have no end to wait for: what they make now the store does not take.
            std::process::exit(0);
        }
        Ok(())
    }
}

/// Says in a model where its proofs go.
fn require_model(manifest: &Manifest, models: &mut [Served]) -> eyre::Result<()> {
    let digest = manifest.program_digest.to_string();
    let mut found = false;
    for served in models
        .iter_mut()
        .filter(|m| m.view.program_digest == digest)
    {
        let weights = served.view.weight_commitment.parse()?;
        let model = manifest.model(weights).ok_or_else(|| {
            eyre!(
                "no model with weight commitment {weights} is registered here; run `laminate register` with the folder of {}",
                served.name
            )
        })?;
        served.view.registry = Some(Registered {
            chain_id: manifest.chain_id,
            registry: manifest.model_registry.address.to_string(),
            model_id: model.model_id.to_string(),
        });
        found = true;
    }
    ensure!(
        found,
        "it verifies program {digest}, which none of the models is"
    );
    Ok(())
}

/// Ends when the process is told to.
fn stopped() -> eyre::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminated = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())?
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    })
}
