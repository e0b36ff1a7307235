//! The verifier of folded proofs, written once over [`Backend`]; `docs/specs/protocol.md` lists every
//! message in this order.

mod boundary;
mod values;

use halo2curves_axiom::bn256::{Fr, G2Affine};
use halo2curves_axiom::group::prime::PrimeCurveAffine;

use crate::layout::Layout;
use crate::lower;
use crate::program::{Program, ProgramError};
use crate::proof::{FoldedProof, NativeProof};
use crate::statement::{self, Packing, Statement};
use laminate_engine::backend::{Backend, Native, Part};
use laminate_engine::deferred::{Deferred, combine};
use laminate_engine::error::{VerifyError, expect_len};
use laminate_engine::field::fr_from_digest;
use laminate_engine::fold::{self, FoldMode};
use laminate_engine::geometry::Poly;
use laminate_engine::joint::{Joint, JointProof};
use laminate_engine::lookup::{self, Segments};
use laminate_engine::relations::Context;
use laminate_engine::switch::on;
use laminate_engine::transcript::{Domain, Event, Transcript};

/// What transcripts begin with. Circuits that run the verifier have a version of their own, which is to be raised with this one.
pub const PROTOCOL_VERSION: &str = "v8";

/// A program that was checked, with its layout; the verifier's only public parameter.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// The program.
    pub program: Program,
    /// Its digest.
    pub digest: Fr,
    /// Where its columns lie.
    pub layout: Layout,
    /// The leaves of its lookup trees.
    pub trees: Vec<Segments>,
    /// Value of each tensor's padded features, where it is one that follows from the program.
    pub padding: Vec<Option<i64>>,
}

/// The transcript of a run, for the Fiat–Shamir inventory: the main events and those of each fork.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    /// Name of the transcript and its events.
    pub transcripts: Vec<(String, Vec<Event>)>,
}

/// What a run leaves to check, and its transcripts.
pub type Verified<B> = (
    Deferred<<B as Backend>::Scalar, <B as Backend>::Point>,
    EventLog,
);

impl Verifier {
    /// Checks the program and prepares its verifier.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn new(program: Program) -> Result<Self, ProgramError> {
        program.check()?;
        let digest = program.digest()?;
        let layout = Layout::new(&program);
        let trees = lower::lookups::trees(&program, &layout);
        let padding = program.padding_values()?;
        Ok(Self {
            program,
            digest,
            layout,
            trees,
            padding,
        })
    }

    /// Verifies `proof` for `statement` up to one linear combination of points and its pairing.
    ///
    /// The caller of a circuit backend must expose statement and combination ([`crate::public`]); the
    /// native caller checks the pairing ([`Self::verify_native`]).
    ///
    /// # Errors
    /// The first violated check; a circuit backend records violations as constraints instead.
    pub fn verify<B: Backend>(
        &self,
        backend: &mut B,
        statement: &Statement<B::Scalar>,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Result<Verified<B>, VerifyError> {
        self.check_shape(statement, proof)?;
        let joints = self.joints(proof.mode)?;
        expect_len("groups of relations", proof.relations.len(), joints.len())?;
        let mut log = EventLog::default();
        backend.enter(Part::Statement);
        self.check_statement(backend, statement, proof)?;
        let known = self.check_tokens(backend, proof)?;
        let context = Context { known: &known };
        let (mut main, seed) = self.start(
            backend,
            &proof.transcript_salt,
            statement,
            &proof.output,
            &proof.trace_rows,
        );

        backend.enter(Part::Sumcheck);
        let mut parts = vec![];
        let mut states = vec![];
        for (index, (joint, messages)) in joints.iter().zip(&proof.relations).enumerate() {
            let mut transcript = Transcript::fork(backend, &seed, index);
            parts.push(joint.verify(backend, &mut transcript, &context, messages)?);
            let name = match proof.mode {
                FoldMode::On => "relations".into(),
                FoldMode::Off => format!("layer {index}"),
            };
            close(backend, transcript, name, &mut states, &mut log);
        }

        backend.enter(Part::Lookup);
        for (segments, lookup) in self.trees.iter().zip(&proof.lookups) {
            let mut transcript = Transcript::fork(backend, &seed, parts.len());
            parts.push(lookup::verify(backend, &mut transcript, segments, lookup)?);
            close(backend, transcript, "lookup".into(), &mut states, &mut log);
        }

        backend.enter(Part::Statement);
        let mut transcript = Transcript::fork(backend, &seed, parts.len());
        parts.push(self.boundary(backend, &mut transcript, proof));
        close(
            backend,
            transcript,
            "boundary".into(),
            &mut states,
            &mut log,
        );

        main.absorb("final states of the parts", &states);
        let groups = fold::group(proof.mode, parts);
        expect_len("openings", proof.openings.len(), groups.len())?;
        let rows = [&proof.weight_rows, &proof.trace_rows].map(Vec::len);
        let mut terms = vec![];
        for (claims, opening) in groups.into_iter().zip(&proof.openings) {
            let geometry = &self.layout.geometry;
            terms.push(fold::verify(
                backend, &mut main, geometry, rows, claims, opening,
            )?);
        }
        backend.enter(Part::Opening);
        let rows = proof.weight_rows.iter().chain(&proof.trace_rows);
        let deferred = combine(backend, &mut main, rows.cloned().collect(), terms);
        log.transcripts
            .push(("main".into(), main.events().to_vec()));
        Ok((deferred, log))
    }

    /// Verifies natively, pairing included. `tau_g2` is `[τ]_2` of the reference string.
    ///
    /// # Errors
    /// The first violated check.
    pub fn verify_native(
        &self,
        statement: &Statement<Fr>,
        proof: &NativeProof,
        tau_g2: &G2Affine,
    ) -> Result<(), VerifyError> {
        if bool::from(tau_g2.is_identity()) && on("identity as [τ]_2") {
            return Err(VerifyError::Degenerate {
                what: "reference string [τ]_2",
            });
        }
        // All points of the proof are terms of the combination, and none of those may be the identity.
        let (deferred, _) = self.verify(&mut Native, statement, proof)?;
        deferred.accumulator()?.check(tau_g2)
    }

    /// Lengths of everything in the proof that is not checked where it is read.
    fn check_shape<S, P>(
        &self,
        statement: &Statement<S>,
        proof: &FoldedProof<S, P>,
    ) -> Result<(), VerifyError> {
        let rows = |poly| self.layout.geometry.rows(poly);
        expect_len(
            "output words",
            statement.output_words.len(),
            statement::output_words(&self.program),
        )?;
        let ends = |input| {
            self.layout
                .boundaries
                .iter()
                .filter(move |b| b.input == input)
        };
        for (found, input) in [
            (&statement.boundary_in, true),
            (&statement.boundary_out, false),
        ] {
            let found = usize::from(found.is_some());
            expect_len("boundary commitments", found, ends(input).count())?;
        }
        expect_len("weight rows", proof.weight_rows.len(), rows(Poly::Weight))?;
        expect_len("trace rows", proof.trace_rows.len(), rows(Poly::Trace))?;
        expect_len("input values", proof.input.len(), self.program.input_len())?;
        expect_len(
            "output values",
            proof.output.len(),
            self.program.proof_output_len(),
        )?;
        expect_len(
            "output salts",
            proof.output_salt.iter().len(),
            usize::from(self.program.binding.output_hidden),
        )?;
        expect_len(
            "credentials",
            proof.membership.iter().len(),
            self.program.binding.credential.iter().len(),
        )?;
        expect_len("lookup trees", proof.lookups.len(), self.trees.len())
    }

    /// The joint sumchecks: one over the relations of all nodes, or one for each node. A program without nodes has
    /// none.
    ///
    /// # Errors
    /// [`VerifyError::Unsupported`] for a relation that a joint sumcheck cannot show.
    pub fn joints(&self, mode: FoldMode) -> Result<Vec<Joint>, VerifyError> {
        let of = |node: usize| {
            let relations = lower::relations(&self.program, &self.layout, node);
            relations.into_iter().map(move |relation| (node, relation))
        };
        let nodes = 0..self.program.nodes.len();
        match mode {
            FoldMode::On if nodes.is_empty() => Ok(vec![]),
            FoldMode::On => Ok(vec![Joint::new(nodes.flat_map(of).collect())?]),
            FoldMode::Off => nodes.map(|node| Joint::new(of(node).collect())).collect(),
        }
    }

    /// What of a proof is about one node: a proof of its own, or its share of the joint one.
    ///
    /// # Errors
    /// As [`Self::joints`].
    pub fn layer<S: Clone, P>(
        &self,
        proof: &FoldedProof<S, P>,
        node: usize,
    ) -> Result<JointProof<S>, VerifyError> {
        let joints = self.joints(proof.mode)?;
        let group = match proof.mode {
            FoldMode::On => 0,
            FoldMode::Off => node,
        };
        let found = joints.get(group).zip(proof.relations.get(group));
        let found = found.filter(|_| node < self.program.nodes.len());
        let (joint, messages) = found.ok_or(VerifyError::Shape {
            what: "nodes",
            expected: self.program.nodes.len(),
            found: node,
        })?;
        Ok(joint.share(node, messages))
    }

    /// Absorbs the salt, the statement, those of a proof's output values that it does not hold and the trace
    /// commitment, and draws the seed of the forks.
    pub fn start<B: Backend>(
        &self,
        backend: &mut B,
        salt: &B::Scalar,
        statement: &Statement<B::Scalar>,
        output: &[B::Scalar],
        trace_rows: &[B::Point],
    ) -> (Transcript<B>, B::Scalar) {
        let mut main = Transcript::new(backend, Domain::Main);
        let version = backend.constant(fr_from_digest(
            b"laminate/protocol",
            PROTOCOL_VERSION.as_bytes(),
        ));
        main.absorb("protocol version", &[version]);
        main.absorb("transcript salt", std::slice::from_ref(salt));
        main.absorb(
            "program digest",
            std::slice::from_ref(&statement.program_digest),
        );
        main.absorb(
            "weight commitment",
            std::slice::from_ref(&statement.weight_commitment),
        );
        main.absorb(
            "input commitment",
            std::slice::from_ref(&statement.input_commitment),
        );
        let boundaries: Vec<B::Scalar> = statement.boundaries().cloned().collect();
        if !boundaries.is_empty() {
            main.absorb("boundary commitments", &boundaries);
        }
        let words = &statement.output_words;
        let (bound, words) = words.split_at(self.program.binding.words().min(words.len()));
        if !bound.is_empty() {
            main.absorb("binding words", bound);
        }
        main.absorb("output words", words);
        let hidden = self.hidden_output(output);
        if !hidden.is_empty() {
            // Without this a prover could choose them after the points at which relations read them.
            let words = statement::pack(backend, Packing::of_output(&self.program), &hidden);
            main.absorb("hidden output words", &words);
        }
        for row in trace_rows {
            main.absorb_point(backend, "trace commitment row", row);
        }
        let seed = main.challenge(backend, "seed");
        (main, seed)
    }
}

/// Squeezes a part's final state and records its events.
fn close<B: Backend>(
    backend: &mut B,
    mut transcript: Transcript<B>,
    name: String,
    states: &mut Vec<B::Scalar>,
    log: &mut EventLog,
) {
    states.push(transcript.challenge(backend, "final state"));
    log.transcripts.push((name, transcript.events().to_vec()));
}
