//! Joining proofs.

use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::join::{Join, Mode, Part, prove as witness};
use laminate_aggregator::keys::{Identity, ProvingKey, PublicShape};
use laminate_aggregator::prove::{self as aggregation, Target};
use laminate_aggregator::snark::{self, Snark, Template};
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, Kind};
use laminate_model::statement::Statement;
use rand::rngs::OsRng;

use super::{JoinDir, Run};
use crate::files::{self, ProofFile, hex_scalar};
use crate::measure::Stages;
use crate::output::Output;
use crate::pipeline::{self, Purpose};
use crate::shards::ShardedProof;

/// A proof to be joined.
#[derive(Clone, Debug)]
pub struct Given {
    /// File, and place in it if it holds several.
    pub label: String,
    /// The proof.
    pub file: ProofFile,
}

/// Reads proof files in their order; those of a model in shards hold one a shard, of which a run takes its own.
///
/// # Errors
/// Other files.
pub fn read(paths: &[PathBuf], run: Option<&Run>) -> eyre::Result<Vec<Given>> {
    let mut given = vec![];
    for path in paths {
        let label = path.display().to_string();
        let head = files::read_head(path, artifact::HEADER)?;
        let kind = artifact::read_header(&head).wrap_err_with(|| label.clone())?;
        match kind.kind {
            Kind::Proof => {
                let (_, file) = files::read(Kind::Proof, path)?;
                given.push(Given { label, file });
            }
            Kind::ShardedProof => {
                let (_, sharded): (_, ShardedProof) = files::read(Kind::ShardedProof, path)?;
                let all = sharded.shards.len();
                let own = |run: &&Run| run.model == sharded.digest && run.count as usize == all;
                let own = run.filter(own);
                let (first, end) = own.map_or((0, all), |r| (r.first as usize, r.end as usize));
                let shards = sharded.shards.into_iter().enumerate();
                let shards = shards.skip(first).take(end.saturating_sub(first));
                given.extend(shards.map(|(shard, file)| Given {
                    label: format!("proof {shard} of {label}"),
                    file,
                }));
            }
            other => {
                return Err(eyre!(
                    "{label} is a {} file, expected a proof: make it with `laminate prove --for-join -o FILE`, `laminate prove` of a model in shards, or `laminate join prove --for-join`",
                    other.name()
                ));
            }
        }
    }
    Ok(given)
}

/// Joins proofs into one for `target`, and verifies it.
///
/// # Errors
/// Proofs that are not those of the join in its order, do not verify or are not of one run; missing keys.
pub fn prove(
    dir: &JoinDir,
    given: &[Given],
    target: Target,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<(ProofFile, bool)> {
    let plan = &dir.file.plan;
    check_places(dir, given)?;
    let setup = dir.model_dir().setup()?;
    let srs = pipeline::load_setup_srs(&setup)?;
    let purpose = Purpose::of(target, setup.opening);
    ensure!(
        srs.setup_id() == dir.file.setup,
        "{}: setup.json names a reference string of another ceremony than join.lam; run `laminate join setup` again",
        dir.root().display()
    );
    let keys = {
        let _stage = out.stage("Loading the proving key");
        stages.run(
            "load proving key",
            || load_keys(dir, &srs, purpose),
            |_| None,
        )?
    };
    let (_, cut) = pipeline::cut_srs(Path::new(""), &srs, keys.meta.k(), out)?;
    let template = Template::of(&cut, keys.pk.get_vk())?;
    let join = Join::new(plan.clone(), template)?;
    let words: Vec<_> = dir.file.members.iter().map(|m| m.key()).collect();
    let parts = words.iter().zip(given).map(|(key, given)| Part {
        key,
        proof: &given.file.proof,
    });
    let parts: Vec<Part<'_>> = parts.collect();
    {
        let stage = out.stage("Checking the proofs");
        let check = || {
            for (place, (part, given)) in parts.iter().zip(given).enumerate() {
                stage.advance(place as u64, parts.len() as u64);
                check_proof(&join, part, &srs).wrap_err_with(|| given.label.clone())?;
            }
            Ok(())
        };
        stages.run("check the proofs", check, |()| None)?;
    }
    let shown = {
        let _stage = out.stage("Combining the points of all proofs");
        let combine = || Ok(witness(&join, &parts, srs.powers(), &mut OsRng)?);
        stages.run("combine the proofs", combine, |_| None)?
    };
    let _stage = out.stage("Joining into one KZG proof");
    let pinning = &keys.meta.pinning;
    let circuit = || Ok(AggregationCircuit::prover_join(&join, pinning, &shown)?);
    let circuit = stages.run("circuit witness", circuit, |_| None)?;
    drop(shown);
    let proof = stages.run(
        "aggregation proof",
        || {
            let srs = pipeline::proving_srs(&keys, &srs, target, out)?;
            Ok(aggregation::prove(&keys, &srs, circuit, target)?)
        },
        |proof| Some(proof.proof.len() as u64),
    )?;
    let file = ProofFile {
        program_name: dir.file.name.clone(),
        program_digest: Scalar(plan.digest()),
        fold: FoldMode::On,
        setup: keys.meta.identity.setup,
        vk_digest: keys.verifying_key().digest(),
        output: keys.meta.output.clone(),
        proof,
    };
    Ok((file, keys.meta.development))
}

fn load_keys(dir: &JoinDir, srs: &Srs, purpose: Purpose) -> eyre::Result<ProvingKey> {
    let identity = Identity::of_join(&dir.file.plan, srs);
    let path = ProvingKey::path(&pipeline::key_folder(), &identity);
    ensure!(
        path.exists(),
        "no keys of {} in {}; make them with `laminate join setup`",
        dir.root().display(),
        pipeline::key_folder().display()
    );
    pipeline::load_opened(&path, &identity, purpose.opening())
}

/// Every proof is of its place, as far as can be told without verifying it.
fn check_places(dir: &JoinDir, given: &[Given]) -> eyre::Result<()> {
    let (root, members) = (dir.root().display(), &dir.file.members);
    ensure!(
        given.len() == members.len(),
        "{} proofs given, {root} joins {}: one each of {}, in this order",
        given.len(),
        members.len(),
        dir.file.names()
    );
    let children = dir.file.plan.children.iter().zip(members);
    for (place, (given, (child, member))) in given.iter().zip(children).enumerate() {
        let (label, file) = (&given.label, &given.file);
        let fields = &file.proof.public.statement;
        let program = fields.first().copied().unwrap_or_default();
        if program != child.program.0 {
            return Err(wrong_program(dir, place, given, &program));
        }
        ensure!(
            file.proof.target == Target::Join,
            "{label} was made for a contract; make it again with --for-join"
        );
        ensure!(
            file.setup == dir.file.setup,
            "{label} was made with another reference string than {root}; make both with one"
        );
        ensure!(
            file.vk_digest == member.vk_digest,
            "{label} was made with verifying key {}, {root} joins proofs of {}; run setup and `laminate join setup` again, with one version",
            hex::encode(file.vk_digest),
            hex::encode(member.vk_digest)
        );
        let shape = PublicShape::of(&file.proof.public);
        ensure!(
            shape == child.public,
            "{label} has {shape}, expected {}; it is altered",
            child.public
        );
        let weights = fields.get(1).copied().unwrap_or_default();
        ensure!(
            weights == member.weight_commitment.0,
            "{label} is of weights {}, expected {} of {}; if these were committed anew, run `laminate join setup` again",
            hex_scalar(&weights),
            hex_scalar(&member.weight_commitment.0),
            member.name
        );
    }
    check_boundaries(dir, given)
}

fn wrong_program(dir: &JoinDir, place: usize, given: &Given, found: &Fr) -> eyre::Report {
    let children = &dir.file.plan.children;
    let expected = children.get(place).map(|c| hex_scalar(&c.program.0));
    let name = dir.file.members.get(place).map(|m| m.name.as_str());
    let places = children.iter().enumerate();
    let elsewhere = places.filter(|(_, c)| c.program.0 == *found).map(|p| p.0);
    let elsewhere: Vec<String> = elsewhere.map(|p| p.to_string()).collect();
    let of_weights = || -> Option<bool> {
        let weights = dir.weights().ok()??;
        let mut children = weights.file.plan.children.iter();
        Some(children.any(|c| c.program.0 == *found))
    };
    let hint = if !elsewhere.is_empty() {
        let all = dir.file.names();
        format!(
            "it belongs at place {}; the order is {all}",
            elsewhere.join(" or ")
        )
    } else if of_weights() == Some(true) {
        "it is a commitment proof; give all of them, and --weights".into()
    } else {
        "it was made with another model".into()
    };
    eyre!(
        "{} is of program {}, at place {place} {} joins proofs of {} ({}): {hint}",
        given.label,
        hex_scalar(found),
        dir.root().display(),
        expected.unwrap_or_default(),
        name.unwrap_or_default()
    )
}

/// Each shard begins with what the one before gives out.
fn check_boundaries(dir: &JoinDir, given: &[Given]) -> eyre::Result<()> {
    let plan = &dir.file.plan;
    if plan.mode == Mode::Batch {
        return Ok(());
    }
    let mut before: Option<(&str, Fr)> = None;
    for (child, given) in plan.children.iter().zip(given) {
        let ends = [child.boundary_in, child.boundary_out];
        let fields = &given.file.proof.public.statement;
        let statement = Statement::of_fields(fields, ends, child.words());
        let statement = statement.ok_or_else(|| eyre!("{}: malformed statement", given.label))?;
        if let (Some((label, out)), Some(begin)) = (before, statement.boundary_in) {
            ensure!(
                out == begin,
                "{label} ends in boundary {}, {} begins with {}: they are not of one run; give all proofs of one `laminate prove`",
                hex_scalar(&out),
                given.label,
                hex_scalar(&begin)
            );
        }
        before = statement
            .boundary_out
            .map(|out| (given.label.as_str(), out));
    }
    Ok(())
}

/// A proof alone, with both its pairings.
fn check_proof(join: &Join, part: &Part<'_>, srs: &Srs) -> eyre::Result<()> {
    let (key, proof) = (part.key.clone(), part.proof);
    let snark = Snark::read(&join.template, key, proof.instances()?, &proof.proof)?;
    Ok(snark::verify_native(&srs.s_g2(), &join.template, &snark)?)
}
