//! A backend that records the sponge and lets failed checks pass, so that a run over an altered proof
//! shows which challenges the alteration reaches.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::{Backend, Native};
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::transcript::Event;
use laminate_engine::transcript::poseidon::{RATE, WIDTH};
use laminate_model::verify::EventLog;

/// Native arithmetic, every permutation's output kept, every failed check counted.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// Outputs of the permutation in order.
    pub states: Vec<[Fr; WIDTH]>,
    /// Checks that did not hold.
    pub failed: Vec<Check>,
}

impl Backend for Recorder {
    type Scalar = Fr;
    type Point = G1Affine;

    fn constant(&mut self, value: Fr) -> Fr {
        value
    }
    fn add(&mut self, a: &Fr, b: &Fr) -> Fr {
        a + b
    }
    fn sub(&mut self, a: &Fr, b: &Fr) -> Fr {
        a - b
    }
    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        a * b
    }
    fn mul_add(&mut self, a: &Fr, b: &Fr, c: &Fr) -> Fr {
        a * b + c
    }
    fn linear(&mut self, constant: Fr, terms: &[(Fr, Fr)]) -> Fr {
        Native.linear(constant, terms)
    }
    fn invert(&mut self, a: &Fr, _: &'static str) -> Result<Fr, VerifyError> {
        Ok(a.invert().unwrap_or(Fr::ZERO))
    }
    fn assert_equal(&mut self, a: &Fr, b: &Fr, check: Check) -> Result<(), VerifyError> {
        if a != b {
            self.failed.push(check);
        }
        Ok(())
    }
    fn assert_u16(&mut self, a: &Fr, check: Check) -> Result<(), VerifyError> {
        if Native.assert_u16(a, check).is_err() {
            self.failed.push(check);
        }
        Ok(())
    }
    fn assert_u32(&mut self, a: &Fr, check: Check) -> Result<(), VerifyError> {
        if Native.assert_u32(a, check).is_err() {
            self.failed.push(check);
        }
        Ok(())
    }
    fn bits(&mut self, a: &Fr, count: usize, check: Check) -> Result<Vec<Fr>, VerifyError> {
        Ok(Native.bits(a, count, check).unwrap_or_else(|_| {
            self.failed.push(check);
            vec![Fr::ZERO; count]
        }))
    }
    fn permute(&mut self, state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        let state = Native.permute(state);
        self.states.push(state);
        state
    }
    fn encode_point(&mut self, point: &G1Affine) -> [Fr; 3] {
        Native.encode_point(point)
    }
}

/// A squeeze, and what was absorbed since the one before it on the same transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Squeeze {
    /// Name of the transcript.
    pub transcript: String,
    /// Label of the challenges.
    pub label: &'static str,
    /// The challenges.
    pub values: Vec<Fr>,
    /// Labels and counts absorbed before it.
    pub absorbed: Vec<(&'static str, usize)>,
}

/// Reads the challenges of a run off its permutations.
///
/// The run hashes the statement, opens the main transcript up to its first challenge, runs every fork,
/// then the rest of the main transcript.
pub fn squeezes(log: &EventLog, states: &[[Fr; WIDTH]]) -> Vec<Squeeze> {
    let (main, forks) = log.transcripts.split_last().expect("a main transcript");
    let first = main
        .1
        .iter()
        .position(|e| matches!(e, Event::Challenge(..)))
        .expect("a seed")
        + 1;
    let mut parts: Vec<(&str, &[Event])> = vec![(&main.0, &main.1[..first])];
    parts.extend(
        forks
            .iter()
            .map(|(name, events)| (name.as_str(), events.as_slice())),
    );
    parts.push((&main.0, &main.1[first..]));
    let mut out = vec![];
    for (name, events) in parts {
        let mut absorbed = vec![];
        for event in events {
            match event {
                Event::Absorb(label, count) => absorbed.push((*label, *count)),
                Event::Challenge(label, count) => {
                    out.push((name, *label, *count, std::mem::take(&mut absorbed)))
                }
            }
        }
    }
    // Walk backwards: the permutations of the statement's hashes come first and are not in the log.
    let mut end = states.len();
    let mut read = vec![];
    for (name, label, count, absorbed) in out.into_iter().rev() {
        // A squeeze of nothing does not end the message.
        let squeezed = count.div_ceil(RATE);
        let start = end - squeezed;
        let values = states[start..end]
            .iter()
            .flat_map(|s| s[1..].to_vec())
            .take(count)
            .collect();
        let length: usize = absorbed.iter().map(|(_, n)| n).sum();
        end = start + 1 - length.div_ceil(RATE).max(1);
        read.push(Squeeze {
            transcript: name.into(),
            label,
            values,
            absorbed,
        });
    }
    read.reverse();
    read
}
