//! snark-verifier's verifier, run on words of the calldata.

use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use snark_verifier::{
    pcs::kzg::KzgDecidingKey,
    verifier::{SnarkVerifier, plonk::PlonkSuccinctVerifier},
};
use snark_verifier_sdk::SHPLONK;

use super::graph::{Base, DomainWords, Id, Node, PointNode, Recorder};
use super::plan::{Opening, Plan};
use super::refused;
use super::transcript::RecordedTranscript;
use crate::evm::error::EvmError;
use crate::evm::template::{check_reach, with_key};
use crate::packed::opening::succinct;

/// What snark-verifier's verifier leaves on the recording loader.
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    pub(super) transcript: RecordedTranscript,
    /// The sides of the pairing, each a sum of points.
    pub(super) sides: [Rc<Vec<(Id, Base)>>; 2],
    /// The challenge that folds the pairing with that of the terms, and the last point, which is all of the right side; of packed proofs.
    pub(super) fold: Option<(Id, Base)>,
    /// Nodes and challenges that are the proof's alone.
    pub(super) own: (usize, usize),
}

/// Runs the verifier on words of the calldata.
pub(super) fn record(key: &KzgDecidingKey<Bn256>, plan: &Plan) -> Result<Recording, EvmError> {
    let template = &plan.protocol;
    check_reach(template)?;
    let [state, _, n_inverse, generator, generator_inverse] = plan.head();
    let recorder = Recorder::new(DomainWords {
        n_inverse,
        generator,
        generator_inverse,
    });
    let words = [plan.instance_nodes().map(|n| recorder.scalar(n)).collect()];
    let points = plan.key().into_iter();
    let points: Vec<_> = points.map(|b| recorder.point(PointNode::Base(b))).collect();
    let state = recorder.scalar(state);
    let protocol = with_key::<Recorder>(template, state, points.clone());
    let mut transcript = RecordedTranscript::new(&recorder, plan.proof());
    let failed = |error: snark_verifier::Error| refused(format!("{error:?}"));
    let claim = match &plan.opening {
        Opening::Packed(layout) => {
            succinct(layout, &protocol, &points, &words, &mut transcript).map_err(failed)?
        }
        Opening::Shplonk => {
            type Verifier = PlonkSuccinctVerifier<SHPLONK>;
            let proof = Verifier::read_proof(&key.svk(), &protocol, &words, &mut transcript)
                .map_err(failed)?;
            let claims = Verifier::verify(&key.svk(), &protocol, &words, &proof).map_err(failed)?;
            let [claim] = claims.as_slice() else {
                let found = claims.len();
                return Err(refused(format!("{found} pairings, expected 1")));
            };
            claim.clone()
        }
    };
    let (PointNode::Sum(lhs), PointNode::Sum(rhs)) = (&claim.lhs.node, &claim.rhs.node) else {
        return Err(refused("a side of the pairing is no sum".to_owned()));
    };
    let mut sides = [lhs.clone(), rhs.clone()];
    let own = (recorder.0.borrow().nodes().len(), transcript.segments.len());
    let fold = match &plan.opening {
        Opening::Shplonk => None,
        Opening::Packed(_) => Some(with_terms(&recorder, &mut transcript, plan, &mut sides)?),
    };
    if let Some(function) = recorder.0.borrow().unsupported {
        return Err(refused(format!("the verifier needs {function}")));
    }
    Ok(Recording {
        recorder,
        transcript,
        sides,
        fold,
        own,
    })
}

/// Adds the generator's scalar of the terms to the proof's, for one multiplication of it, by the challenge that folds the two pairings. The challenge is drawn
/// from all that either pairing is computed from.
fn with_terms(
    recorder: &Recorder,
    transcript: &mut RecordedTranscript,
    plan: &Plan,
    [lhs, rhs]: &mut [Rc<Vec<(Id, Base)>>; 2],
) -> Result<(Id, Base), EvmError> {
    let (generator, _) = plan.terms();
    let fold = recorder.scalar(transcript.last_challenge(generator));
    let scalar = recorder.scalar(Node::Calldata(generator));
    let added = recorder.scalar(Node::Product(fold.id, scalar.id));
    let point = Base::Constant(G1Affine::generator());
    let place = lhs.iter().position(|(_, base)| *base == point);
    let place = place.ok_or_else(|| refused("the proof has no generator".to_owned()))?;
    let mut terms = lhs.to_vec();
    if let Some((id, _)) = terms.get_mut(place) {
        *id = recorder.scalar(Node::Sum(*id, added.id)).id;
    }
    *lhs = Rc::new(terms);
    match rhs.as_slice() {
        [(one, last)]
            if recorder.0.borrow().nodes().get(*one) == Some(&Node::Constant(Fr::one())) =>
        {
            Ok((fold.id, *last))
        }
        _ => Err(refused("the right side is not one point".to_owned())),
    }
}
