//! A proof of the right shape and without meaning, from which keys are derived.
//!
//! The circuit's layout depends on the shape alone. Scalars and points are distinct pseudo-random
//! values, so that no step of the circuit's arithmetic degenerates while it is laid out.

use std::convert::Infallible;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::error::VerifyError;
use laminate_engine::fold::{BATCHING_DEGREE, FoldMode, OpeningProof};
use laminate_engine::geometry::Poly;
use laminate_engine::joint::Joint;
use laminate_engine::lookup::{LAYER_DEGREE, LookupLayer, LookupProof, Segments};
use laminate_engine::multiexp::{Multiexp, MultiexpProof, multiples, steps};
use laminate_engine::pcs::PcsProof;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_model::credential::Membership;
use laminate_model::proof::{FoldedProof, NativeProof};
use laminate_model::statement::{Statement, output_words};
use laminate_model::verify::Verifier;

/// A statement and a proof of the shape of `verifier`'s program.
///
/// # Errors
/// [`VerifyError::Unsupported`] for a program whose relations no joint sumcheck can show.
pub fn placeholder(
    verifier: &Verifier,
    mode: FoldMode,
) -> Result<(Statement<Fr>, NativeProof), VerifyError> {
    let program = &verifier.program;
    let rows = |poly| vec![(); verifier.layout.geometry.rows(poly)];
    let joints = verifier.joints(mode)?;
    let openings = match mode {
        FoldMode::On => 1,
        // One a part that leaves claims: nodes with a relation, lookups, and the boundary, which a
        // sequence that is no shard does not have.
        FoldMode::Off => {
            let shard = !verifier.layout.boundaries.is_empty();
            let rows = program.sequence.is_none() && !program.is_weights_only();
            verifier.trees.len()
                + usize::from(shard || rows)
                + joints.iter().filter(|joint| joint.leaves_claims()).count()
        }
    };
    let shape: FoldedProof<(), ()> = FoldedProof {
        mode,
        transcript_salt: (),
        weight_salt: (),
        weight_rows: rows(Poly::Weight),
        input_salt: (),
        input: vec![(); program.input_len()],
        output: vec![(); program.proof_output_len()],
        output_salt: program.binding.output_hidden.then_some(()),
        membership: program.binding.credential.map(|depth| Membership {
            secret: (),
            siblings: vec![(); depth.into()],
            right: vec![(); depth.into()],
        }),
        trace_rows: rows(Poly::Trace),
        relations: joints.iter().map(Joint::shape).collect(),
        lookups: verifier.trees.iter().map(lookup).collect(),
        openings: vec![opening(verifier.layout.geometry.max_log()); openings],
    };
    let mut counter = 1u64;
    let mut next = move || {
        counter += 1;
        Fr::from(counter).pow_vartime([5 + counter])
    };
    let mut next_point = Fr::from(3);
    let filled: Result<NativeProof, Infallible> = shape.try_map(&mut |()| Ok(next()), &mut |()| {
        next_point = next_point.square() + Fr::ONE;
        Ok((G1::generator() * next_point).to_affine())
    });
    let proof = match filled {
        Ok(proof) => proof,
        Err(never) => match never {},
    };
    let ends = &verifier.layout.boundaries;
    let end = |input| ends.iter().find(|b| b.input == input).map(|_| Fr::from(8));
    let statement = Statement {
        program_digest: verifier.digest,
        weight_commitment: Fr::from(5),
        input_commitment: Fr::from(6),
        boundary_in: end(true),
        boundary_out: end(false),
        output_words: vec![Fr::from(7); output_words(program)],
    };
    Ok((statement, proof))
}

/// A proof of a combination, of its shape and without meaning.
pub fn multiexp(multiexp: &Multiexp) -> MultiexpProof<Fr, G1Affine> {
    let shape = MultiexpProof {
        rows: vec![(); multiexp.rows()],
        steps: sumcheck(multiexp.steps_log(), steps::DEGREE),
        step_evaluations: vec![(); multiexp.step_columns().len()],
        multiples: sumcheck(multiexp.log, multiples::DEGREE),
        multiple_evaluations: vec![(); multiexp.columns.multiples.view_count()],
        lookup: lookup(&multiexp.placement.tree),
        opening: opening(multiexp.placement.geometry.max_log()),
    };
    let filled: Result<_, Infallible> =
        shape.try_map(&mut |()| Ok(Fr::ONE), &mut |()| Ok(G1Affine::generator()));
    match filled {
        Ok(proof) => proof,
        Err(never) => match never {},
    }
}

fn sumcheck(variables: usize, degree: usize) -> SumcheckProof<()> {
    SumcheckProof {
        rounds: vec![vec![(); degree]; variables],
    }
}

fn lookup(tree: &Segments) -> LookupProof<()> {
    LookupProof {
        layers: (0..tree.log)
            .map(|variables| LookupLayer {
                sumcheck: sumcheck(variables, LAYER_DEGREE),
                halves: [(); 4],
            })
            .collect(),
        columns: vec![(); tree.column_count()],
    }
}

fn opening(log: usize) -> OpeningProof<(), ()> {
    OpeningProof {
        batching: sumcheck(log, BATCHING_DEGREE),
        evaluations: [(); 2],
        pcs: PcsProof {
            inner: (),
            value_z: (),
            value_inverse: (),
            inner_z: (),
            quotient: (),
            opening: (),
        },
    }
}
