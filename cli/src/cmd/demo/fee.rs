//! The fee example: a pool whose hook notes its price, a proof on those notes that sets its fee, and what is refused.

use alloy::primitives::aliases::U24;
use eyre::{WrapErr, ensure};
use laminate_aggregator::srs::Srs;
use laminate_front::quant;
use laminate_prover::input::Input;
use tempfile::TempDir;

use super::{Fee, Report, Run, made, prepare};
use crate::bound::BindingArgs;
use crate::chain::Chain;
use crate::chain::bundle::Contract;
use crate::chain::contracts::FeeRules;
use crate::chain::deploy::Plan;
use crate::chain::manifest::Manifest;
use crate::chain::pool::{Hook, Pool};
use crate::chain::registry::Submission;
use crate::chain::universal::Mode;
use crate::cmd::compile::{Compile, InputScale};
use crate::cmd::verifier::Made;
use crate::fee;
use crate::files::ModelDir;
use crate::input::Given;
use crate::measure::Stages;
use crate::output::Output;
use crate::reading::Reading;

/// Changes of a price in ticks: what the pool does, and what it does not.
const STORM: [i32; 8] = [40, -90, 150, 210, -180, 260, -310, 240];
const CALM: [i32; 8] = [1, 0, -2, 1, 3, -1, 0, 2];
/// Blocks for which notes and fees are fresh.
const LIFETIME: u32 = 16;
/// Hundredths of a basis point: without a proof, at least and at most.
const BASE: u32 = 3000;
const BOUNDS: [u32; 2] = [100, 20_000];

/// Runs it.
///
/// # Errors
/// Any stage that fails, a proof that does not set the fee and has to, or one that does and must not.
pub async fn run(
    chain: Chain,
    mode: Mode,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<Report> {
    let model = Model::new(mode, stages, out)?;
    let mut report = Report::default();
    let run = Run {
        chain,
        report: &mut report,
        out,
    };
    let mut example = Example::open(run, model).await?;
    let storm = example.first_pool(stages).await?;
    example.second_pool(&storm).await?;
    Ok(report)
}

/// The model, set up.
struct Model {
    dir: ModelDir,
    verifier: Made,
    srs: Srs,
    _folder: TempDir,
}

impl Model {
    fn new(mode: Mode, stages: &mut Stages, out: Output) -> eyre::Result<Self> {
        let folder = tempfile::tempdir()?;
        let models = folder.path().join("fee");
        fee::write(&models)?;
        let options = Compile {
            calibration: Some(models.join(fee::CALIBRATION)),
            input_scale: Some(InputScale::All(0)),
            binding: BindingArgs {
                input_public: Some(vec![]),
                ..BindingArgs::default()
            },
            ..Compile::of(models.join(fee::MODEL), folder.path().join("model"))
        };
        let (dir, srs, verifier) = prepare::single(&options, mode, stages, out)?;
        Ok(Self {
            dir,
            verifier,
            srs,
            _folder: folder,
        })
    }
}

/// A hook for pools, and the model that it goes by.
struct Example<'a> {
    run: Run<'a>,
    model: Model,
    manifest: Manifest,
    hook: Hook,
}

impl<'a> Example<'a> {
    async fn open(mut run: Run<'a>, model: Model) -> eyre::Result<Self> {
        let bundle = &model.verifier.bundle;
        let manifest = run.deploy(bundle, Plan::default()).await?;
        let id = run.register(&manifest, &model.dir).await?;
        let [least, most] = BOUNDS;
        let rules = FeeRules {
            modelId: id,
            inputScale: 0,
            outputScale: manifest.output_scale,
            leastFee: U24::from(least),
            mostFee: U24::from(most),
            baseFee: U24::from(BASE),
            lifetime: LIFETIME,
        };
        let registry = manifest.model_registry.address;
        let (hook, created) = Hook::deploy(&mut run.chain, registry, rules).await?;
        made(&mut run, Contract::FeeHook, &created);
        Ok(Self {
            run,
            model,
            manifest,
            hook,
        })
    }

    /// A pool in a storm: its own changes are proven, and nothing else sets its fee. Gives the proof.
    async fn first_pool(&mut self, stages: &mut Stages) -> eyre::Result<Submission> {
        let mut pool = self.pool_in_a_storm(1).await?;
        self.shows("without a proof", &pool, BASE).await?;
        let seen = pool.observations(&mut self.run.chain).await?;
        let seen: Vec<i32> = seen
            .into_iter()
            .map(i32::try_from)
            .collect::<Result<_, _>>()?;
        ensure!(seen == STORM, "the pool notes {seen:?}, expected {STORM:?}");
        let (storm, fee) = self.prove("storm", &seen, stages)?;
        let (calm, _) = self.prove("calm", &CALM, stages)?;
        let (first, rest) = storm.output.split_at(32);
        let chain = &mut self.run.chain;
        let other = pool.set(chain, &calm).await;
        let swapped = [first, &calm.output[32..]].concat();
        let swapped = with_output(&calm, swapped);
        let swapped = pool.set(chain, &swapped).await;
        let lowered: Vec<u8> = match rest.split_last() {
            Some((last, rest)) => [first, rest, &[last ^ 1]].concat(),
            None => vec![],
        };
        let lowered = pool.set(chain, &with_output(&storm, lowered)).await;
        self.run
            .refuse("a proof on a calmer market than the pool's", other)?;
        self.run.refuse(
            "the calm market's fee and proof under the pool's own changes",
            swapped,
        )?;
        self.run
            .refuse("the pool's own proof with another fee", lowered)?;

        let set = pool.set(&mut self.run.chain, &storm).await;
        let receipt = set.wrap_err("the proof on the pool's own changes does not set its fee")?;
        self.run
            .accept("set the fee by a proof on the pool's own changes", &receipt);
        self.shows("by the model, in a storm", &pool, fee).await?;
        let again = pool.set(&mut self.run.chain, &storm).await;
        self.run.refuse("the same proof again", again)?;
        pool.swap(&mut self.run.chain, 1).await?;
        let late = pool.set(&mut self.run.chain, &storm).await;
        self.run
            .refuse("the proof once the price has moved on", late)?;
        pool.wait(&mut self.run.chain, LIFETIME).await?;
        self.shows("when the proven fee has grown old", &pool, BASE)
            .await?;
        let stale = pool.freeze(&mut self.run.chain).await;
        self.run
            .refuse("freezing notes that have grown old", stale)?;
        Ok(storm)
    }

    /// Another pool that did the same, whose notes are frozen, so that its price may move while a proof is made.
    async fn second_pool(&mut self, storm: &Submission) -> eyre::Result<()> {
        let mut pool = self.pool_in_a_storm(2).await?;
        let early = pool.set_frozen(&mut self.run.chain, storm).await;
        self.run
            .refuse("a proof on frozen notes where none are frozen", early)?;
        let receipt = pool.freeze(&mut self.run.chain).await?;
        self.run.accept("freeze another pool's notes", &receipt);
        pool.swap(&mut self.run.chain, 5).await?;
        let late = pool.set(&mut self.run.chain, storm).await;
        self.run
            .refuse("a proof on them as on the newest ones", late)?;
        let frozen = pool.freeze(&mut self.run.chain).await;
        self.run.refuse("freezing others meanwhile", frozen)?;
        let receipt = pool.set_frozen(&mut self.run.chain, storm).await?;
        self.run
            .accept("set its fee by a proof on the frozen notes", &receipt);
        let again = pool.set_frozen(&mut self.run.chain, storm).await;
        self.run.refuse("the same proof on them again", again)
    }

    async fn pool_in_a_storm(&mut self, currency: u8) -> eyre::Result<Pool> {
        let chain = &mut self.run.chain;
        let mut pool = Pool::new(chain, self.hook, currency).await?;
        let mut last = None;
        for change in STORM {
            last = Some(pool.swap(chain, change).await?);
        }
        if let (1, Some(receipt)) = (currency, last) {
            self.run
                .accept("a block's first swap, which notes the price", &receipt);
        }
        Ok(pool)
    }

    /// A proof, and the fee that the hook has to make of its output.
    fn prove(
        &self,
        name: &str,
        changes: &[i32],
        stages: &mut Stages,
    ) -> eyre::Result<(Submission, u32)> {
        let Model { dir, srs, .. } = &self.model;
        let row = changes.iter().map(|change| *change as f32).collect();
        let rows = quant::quantise_input(&dir.program()?, &[row])?;
        let given = Given::fresh(Input::Rows(rows));
        let out = self.run.out;
        let proof = prepare::named(stages, name, |s| prepare::prove(dir, &given, srs, s, out))?;
        let output = match proof.reading() {
            Reading::Real(outputs) => outputs.first().copied(),
            _ => None,
        };
        let [least, most] = BOUNDS.map(f64::from);
        let fee = output.unwrap_or_default().floor().clamp(least, most) as u32;
        let submission = Submission::of_inference(&proof.proof, &self.manifest)?;
        Ok((submission, fee))
    }

    /// Compares what swaps pay with what they are to pay.
    async fn shows(&mut self, when: &str, pool: &Pool, expected: u32) -> eyre::Result<()> {
        let found = pool.fee(&mut self.run.chain).await?;
        ensure!(
            found == expected,
            "{when} swaps pay {found}, expected {expected}"
        );
        self.run.report.fees.push(Fee {
            when: when.into(),
            fee: found,
        });
        Ok(())
    }
}

fn with_output(submission: &Submission, output: Vec<u8>) -> Submission {
    Submission {
        output: output.into(),
        ..submission.clone()
    }
}
