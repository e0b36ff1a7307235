//! The transcript of aggregation proofs that a circuit verifies: Fiat–Shamir over the Poseidon sponge of [`laminate_engine::transcript`].
//!
//! Absorbed are the key's digest, the instances, and points (three scalars each) and scalars of the proof as they come. Up to three challenges with nothing
//! absorbed between them are the words of one squeeze. [`Writer`] serves halo2's prover, [`Reader`] snark-verifier's verifier; both run on one [`Sponge`].

use std::collections::VecDeque;
use std::io::{self, Write};

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::halo2_proofs::transcript as halo2;
use laminate_engine::backend::{Backend, Native, point_scalars};
use laminate_engine::transcript::poseidon::RATE;
use laminate_engine::transcript::{Domain, Transcript};
use snark_verifier::{
    Error,
    util::transcript::{Transcript as VerifierTranscript, TranscriptRead},
};

use super::loader::{Loader, Point, Scalar};

/// What is absorbed and squeezed, over any backend.
pub(super) struct Sponge<B: Backend> {
    transcript: Transcript<B>,
    squeezed: VecDeque<B::Scalar>,
}

impl<B: Backend> Sponge<B> {
    pub(super) fn new(backend: &mut B) -> Self {
        Self {
            transcript: Transcript::new(backend, Domain::Snark),
            squeezed: VecDeque::new(),
        }
    }

    pub(super) fn absorb(&mut self, values: &[B::Scalar]) {
        self.squeezed.clear();
        self.transcript.absorb("snark", values);
    }

    pub(super) fn squeeze(&mut self, backend: &mut B) -> B::Scalar {
        if let Some(challenge) = self.squeezed.pop_front() {
            return challenge;
        }
        let words = self.transcript.challenges(backend, "snark", RATE);
        self.squeezed.extend(words);
        // There are `RATE` of them.
        self.squeezed
            .pop_front()
            .unwrap_or_else(|| backend.constant(Fr::zero()))
    }
}

/// A challenge to halo2's prover.
#[derive(Clone, Copy, Debug)]
pub struct Challenge(Fr);

impl halo2::EncodedChallenge<G1Affine> for Challenge {
    type Input = Fr;

    fn new(input: &Fr) -> Self {
        Self(*input)
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// The prover's side: writes what it absorbs of the proof.
pub struct Writer<W> {
    sponge: Sponge<Native>,
    stream: W,
}

impl<W: Write> Writer<W> {
    fn write<F: PrimeField<Repr = [u8; 32]>>(&mut self, value: &F) -> io::Result<()> {
        let mut word = value.to_repr();
        word.reverse();
        self.stream.write_all(&word)
    }
}

impl<W: Write> halo2::Transcript<G1Affine, Challenge> for Writer<W> {
    fn squeeze_challenge(&mut self) -> Challenge {
        Challenge(self.sponge.squeeze(&mut Native))
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.sponge.absorb(&point_scalars(&point));
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.sponge.absorb(&[scalar]);
        Ok(())
    }
}

impl<W: Write> halo2::TranscriptWrite<G1Affine, Challenge> for Writer<W> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        if bool::from(point.is_identity()) {
            return Err(io::Error::other(
                "a commitment of the proof is the point at infinity",
            ));
        }
        halo2::Transcript::common_point(self, point)?;
        self.write(&point.x)?;
        self.write(&point.y)
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        halo2::Transcript::common_scalar(self, scalar)?;
        self.write(&scalar)
    }
}

impl<W: Write> halo2::TranscriptWriterBuffer<W, G1Affine, Challenge> for Writer<W> {
    fn init(stream: W) -> Self {
        Self {
            sponge: Sponge::new(&mut Native),
            stream,
        }
    }

    fn finalize(self) -> W {
        self.stream
    }
}

/// The verifier's side: hands out points and scalars of a [`super::Snark`].
pub(super) struct Reader<'a, B: Backend> {
    loader: Loader<'a, B>,
    sponge: Sponge<B>,
    points: std::ops::Range<usize>,
    scalars: std::vec::IntoIter<B::Scalar>,
}

impl<'a, B: Backend> Reader<'a, B> {
    /// For the points of the loader at `points` and these scalars.
    pub(super) fn new(
        loader: &Loader<'a, B>,
        points: std::ops::Range<usize>,
        scalars: Vec<B::Scalar>,
    ) -> Self {
        Self {
            loader: loader.clone(),
            sponge: loader.with(|backend| Sponge::new(backend)),
            points,
            scalars: scalars.into_iter(),
        }
    }

    /// Points and scalars that nobody has read.
    pub(super) fn left(&self) -> (usize, usize) {
        (self.points.len(), self.scalars.len())
    }
}

fn exhausted(what: &str) -> Error {
    Error::InvalidProtocol(format!("the verifier reads more {what} than a proof has"))
}

impl<'a, B: Backend> VerifierTranscript<G1Affine, Loader<'a, B>> for Reader<'a, B> {
    fn loader(&self) -> &Loader<'a, B> {
        &self.loader
    }

    fn squeeze_challenge(&mut self) -> Scalar<'a, B> {
        let sponge = &mut self.sponge;
        let challenge = self.loader.with(|backend| sponge.squeeze(backend));
        self.loader.scalar(challenge)
    }

    fn common_ec_point(&mut self, point: &Point<'a, B>) -> Result<(), Error> {
        let scalars = self.loader.encoding(point)?;
        self.sponge.absorb(&scalars);
        Ok(())
    }

    fn common_scalar(&mut self, scalar: &Scalar<'a, B>) -> Result<(), Error> {
        self.sponge.absorb(&[self.loader.value(scalar)]);
        Ok(())
    }
}

impl<'a, B: Backend> TranscriptRead<G1Affine, Loader<'a, B>> for Reader<'a, B> {
    fn read_scalar(&mut self) -> Result<Scalar<'a, B>, Error> {
        let scalar = self.scalars.next().ok_or_else(|| exhausted("scalars"))?;
        let scalar = self.loader.scalar(scalar);
        self.common_scalar(&scalar)?;
        Ok(scalar)
    }

    fn read_ec_point(&mut self) -> Result<Point<'a, B>, Error> {
        let index = self.points.next().ok_or_else(|| exhausted("points"))?;
        let point = self.loader.base(index);
        self.common_ec_point(&point)?;
        Ok(point)
    }
}
