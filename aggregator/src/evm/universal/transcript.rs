//! The Keccak transcript of [`snark_verifier::system::halo2::transcript::evm`], recorded.
//!
//! It hashes `state ‖ everything absorbed since`, where `state` is the hash before (nothing at first), and a single word is followed by a byte 1. All that
//! is absorbed are words of the calldata or known to the generator, so the contract copies them in one piece and hashes.

use std::ops::Range;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use snark_verifier::{
    Error,
    util::transcript::{Transcript, TranscriptRead},
};

use super::graph::{Base, Node, Point, PointNode, Recorder, Scalar};

/// A part of what is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes of the calldata.
    Calldata(Range<usize>),
    /// A word known to the generator.
    Constant(Fr),
    /// All of the calldata from an offset on.
    Rest(usize),
}

/// What is hashed for a challenge, in order; the number of the challenge is its place.
pub(super) type Segments = Vec<Vec<Piece>>;

/// Reads the proof from the calldata and records what is hashed.
#[derive(Debug)]
pub(super) struct RecordedTranscript {
    recorder: Recorder,
    next: usize,
    pending: Vec<Piece>,
    /// One entry a challenge.
    pub segments: Segments,
    /// Offsets of the scalars read.
    pub scalars: Vec<usize>,
}

impl RecordedTranscript {
    /// A transcript whose proof begins at `proof` in the calldata.
    pub(super) fn new(recorder: &Recorder, proof: usize) -> Self {
        Self {
            recorder: recorder.clone(),
            next: proof,
            pending: vec![],
            segments: vec![],
            scalars: vec![],
        }
    }

    /// Where the proof ends, after it has been read.
    pub(super) fn end(&self) -> usize {
        self.next
    }

    /// A last challenge, of all that was read since the one before and the calldata from `rest` on.
    pub(super) fn last_challenge(&mut self, rest: usize) -> Node {
        self.pending.push(Piece::Rest(rest));
        self.segments.push(std::mem::take(&mut self.pending));
        Node::Challenge(self.segments.len() - 1)
    }

    fn absorb(&mut self, words: Range<usize>) {
        match self.pending.last_mut() {
            Some(Piece::Calldata(last)) if last.end == words.start => last.end = words.end,
            _ => self.pending.push(Piece::Calldata(words)),
        }
    }

    fn advance(&mut self, bytes: usize) -> usize {
        let at = self.next;
        self.next += bytes;
        at
    }
}

fn elsewhere() -> Error {
    Error::InvalidProtocol("the transcript absorbs a word that is not in the calldata".to_owned())
}

impl Transcript<G1Affine, Recorder> for RecordedTranscript {
    fn loader(&self) -> &Recorder {
        &self.recorder
    }

    fn squeeze_challenge(&mut self) -> Scalar {
        let number = self.segments.len();
        self.segments.push(std::mem::take(&mut self.pending));
        self.recorder.scalar(Node::Challenge(number))
    }

    fn common_ec_point(&mut self, point: &Point) -> Result<(), Error> {
        match point.node {
            PointNode::Base(Base::Calldata(at)) => {
                self.absorb(at..at + 64);
                Ok(())
            }
            _ => Err(elsewhere()),
        }
    }

    fn common_scalar(&mut self, scalar: &Scalar) -> Result<(), Error> {
        let node = self.recorder.0.borrow().nodes()[scalar.id];
        match node {
            Node::Calldata(at) => {
                self.absorb(at..at + 32);
                Ok(())
            }
            Node::Constant(value) => {
                self.pending.push(Piece::Constant(value));
                Ok(())
            }
            _ => Err(elsewhere()),
        }
    }
}

impl TranscriptRead<G1Affine, Recorder> for RecordedTranscript {
    fn read_scalar(&mut self) -> Result<Scalar, Error> {
        let at = self.advance(32);
        self.scalars.push(at);
        let scalar = self.recorder.scalar(Node::Calldata(at));
        self.common_scalar(&scalar)?;
        Ok(scalar)
    }

    fn read_ec_point(&mut self) -> Result<Point, Error> {
        let at = self.advance(64);
        let point = self.recorder.point(PointNode::Base(Base::Calldata(at)));
        self.common_ec_point(&point)?;
        Ok(point)
    }
}
