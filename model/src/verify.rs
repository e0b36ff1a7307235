//! The verifier of folded proofs, written once over [`Backend`]; `docs/specs/protocol.md` lists every
//! message in this order.

use halo2curves_axiom::bn256::{Fr, G1Affine, G2Affine};
use halo2curves_axiom::group::prime::PrimeCurveAffine;

use crate::credential;
use crate::layout::{Boundary, Layout, bounded};
use crate::lower;
use crate::program::{
    ACTIVATION_BOUND, End, Program, ProgramError, TensorId, padded_index, padded_log,
};
use crate::proof::{FoldedProof, NativeProof};
use crate::statement::{self, Packing, Statement};
use laminate_engine::backend::{Backend, Native, Part};
use laminate_engine::claim::{EvalClaim, View};
use laminate_engine::deferred::{Deferred, combine};
use laminate_engine::error::{Check, VerifyError, expect_len};
use laminate_engine::field::{fr_from_digest, fr_from_i64};
use laminate_engine::fold::{self, FoldMode};
use laminate_engine::geometry::Poly;
use laminate_engine::joint::{Joint, JointProof};
use laminate_engine::lookup::{self, Segments};
use laminate_engine::poly::eq;
use laminate_engine::relations::Context;
use laminate_engine::relations::zeros::{self, Zeros};
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

    /// The statement's hashes and packed output match the witness.
    fn check_statement<B: Backend>(
        &self,
        backend: &mut B,
        statement: &Statement<B::Scalar>,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Result<(), VerifyError> {
        let digest = backend.constant(self.digest);
        if on("program digest") {
            backend.assert_equal(
                &statement.program_digest,
                &digest,
                Check::Linear("program digest"),
            )?;
        }
        let weight = statement::weight_commitment(backend, &proof.weight_salt, &proof.weight_rows);
        if on("weight commitment") {
            backend.assert_equal(
                &weight,
                &statement.weight_commitment,
                Check::WeightCommitment,
            )?;
        }
        if self.program.binding.weights_public && on("salt of public weights") {
            let none = backend.constant(Fr::from(0));
            backend.assert_equal(&proof.weight_salt, &none, Check::WeightSalt)?;
        }
        // Packing is injective on values of its range only; without this, a prover could choose them
        // after seeing the point at which they are compared with the trace. Ids that are packed longer
        // are cut into bits by the check of tokens.
        let of_input = Packing::of_input(&self.program);
        let of_output = Packing::of_output(&self.program);
        assert_ranges(backend, of_input, &proof.input)?;
        assert_ranges(backend, of_output, &proof.output)?;
        let input = statement::input_commitment(backend, of_input, &proof.input_salt, &proof.input);
        if on("input commitment") {
            backend.assert_equal(&input, &statement.input_commitment, Check::InputCommitment)?;
        }
        for boundary in &self.layout.boundaries {
            let rows = self.boundary_rows(boundary, &proof.trace_rows);
            let found = statement::boundary_commitment(backend, &rows);
            let claimed = match boundary.input {
                true => &statement.boundary_in,
                false => &statement.boundary_out,
            };
            if let Some(claimed) = claimed.as_ref().filter(|_| on("boundary commitment")) {
                backend.assert_equal(&found, claimed, Check::Boundary)?;
            }
        }
        self.check_credential(backend, statement, proof)?;
        self.check_values(backend, statement, proof)
    }

    /// The words of a public input and of the output, or its commitment, are those of the claimed values.
    fn check_values<B: Backend>(
        &self,
        backend: &mut B,
        statement: &Statement<B::Scalar>,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Result<(), VerifyError> {
        let binding = &self.program.binding;
        let salt = proof.output_salt.as_ref();
        let words = self.value_words(backend, &proof.input, &proof.output, salt);
        let claimed = statement.output_words.iter().skip(binding.words());
        let inputs = statement::lead_words(&self.program) - binding.words();
        for (index, (word, public)) in words.iter().zip(claimed).enumerate() {
            match (index < inputs, binding.output_hidden) {
                (true, _) if on("words of a public input") => {
                    backend.assert_equal(word, public, Check::InputWords)?;
                }
                (false, false) if on("output words") => {
                    backend.assert_equal(word, public, Check::OutputWords)?;
                }
                (false, true) if on("commitment to a hidden output") => {
                    backend.assert_equal(word, public, Check::OutputCommitment)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The input's values are those of a credential as the statement says of it.
    fn check_credential<B: Backend>(
        &self,
        backend: &mut B,
        statement: &Statement<B::Scalar>,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Result<(), VerifyError> {
        let binding = &self.program.binding;
        let words = binding.read(&statement.output_words);
        let words = words.and_then(|words| words.credential);
        let (Some(depth), Some(membership)) = (binding.credential, &proof.membership) else {
            return Ok(());
        };
        let words = words.ok_or(VerifyError::Shape {
            what: "output words",
            expected: statement::output_words(&self.program),
            found: statement.output_words.len(),
        })?;
        let packing = Packing::of_input(&self.program);
        credential::check(backend, depth, membership, packing, &proof.input, &words)
    }

    /// The output words that are of values: those of a public input, then the output's, or its commitment if it is hidden.
    /// Binding words stand before them.
    pub fn value_words<B: Backend>(
        &self,
        backend: &mut B,
        input: &[B::Scalar],
        output: &[B::Scalar],
        output_salt: Option<&B::Scalar>,
    ) -> Vec<B::Scalar> {
        let (program, binding) = (&self.program, &self.program.binding);
        let width = program.tensor_width(program.input);
        let columns = binding.input.select(width, input);
        let mut words = statement::pack(backend, Packing::of_input(program), &columns);
        let public = self.public_values(input, output);
        let packing = Packing::of_output(program);
        if !binding.output_hidden {
            words.extend(statement::pack(backend, packing, &public));
        } else if let Some(salt) = output_salt {
            let commitment = statement::output_commitment(backend, packing, salt, &public);
            words.push(commitment);
        }
        words
    }

    /// The rows of a trace commitment that hold a boundary.
    pub fn boundary_rows<P: Clone>(&self, boundary: &Boundary, trace_rows: &[P]) -> Vec<P> {
        let row_log = self.layout.geometry.row_log;
        let rows = boundary.rows(row_log);
        rows.filter_map(|row| trace_rows.get(row).cloned())
            .collect()
    }

    /// The boundary commitment of a trace commitment at one end; none if there are tokens.
    pub fn boundary_commitment(&self, input: bool, trace_rows: &[G1Affine]) -> Option<Fr> {
        let boundary = self.layout.boundaries.iter().find(|b| b.input == input)?;
        let rows = self.boundary_rows(boundary, trace_rows);
        Some(statement::boundary_commitment(&mut Native, &rows))
    }

    /// What of a proof's input and output values is public as output: all outputs, or tokens in their order.
    pub fn public_values<S: Clone>(&self, input: &[S], output: &[S]) -> Vec<S> {
        let Some(sequence) = self.program.sequence else {
            return output.to_vec();
        };
        let parts = [
            input.get(sequence.public_input()),
            output.get(sequence.public_output()),
        ];
        parts.into_iter().flatten().flatten().cloned().collect()
    }

    /// The rest of a proof's output values: what a sequence computes at positions that are not
    /// published. They are witnesses that relations read, so they are absorbed like the others.
    pub fn hidden_output<S: Clone>(&self, output: &[S]) -> Vec<S> {
        let Some(sequence) = self.program.sequence else {
            return vec![];
        };
        let public = sequence.public_output();
        let values = output.iter().enumerate();
        values
            .filter(|(i, _)| !public.contains(i))
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// For a sequence: all tokens are in the vocabulary, generated ones are the outputs before them.
    /// Returns the bits of input and output tokens of every slot; none for other programs.
    fn check_tokens<B: Backend>(
        &self,
        backend: &mut B,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Result<[Vec<Vec<B::Scalar>>; 2], VerifyError> {
        let Some(sequence) = self.program.sequence else {
            return Ok([vec![], vec![]]);
        };
        let packing = Packing::of_output(&self.program);
        let bits = padded_log(sequence.vocab as usize);
        let largest = fr_from_i64(i64::from(sequence.vocab) - 1 - ACTIVATION_BOUND);
        let mut both = [vec![], vec![]];
        for (values, out) in [&proof.input, &proof.output].into_iter().zip(&mut both) {
            for value in values {
                let id = backend.linear(
                    fr_from_i64(ACTIVATION_BOUND),
                    &[(Fr::from(1), value.clone())],
                );
                let rest = backend.linear(largest, &[(-Fr::from(1), value.clone())]);
                match packing {
                    Packing::Short if !on("short token below the vocabulary") => {}
                    Packing::Long if !on("long token below the vocabulary") => {}
                    Packing::Short => backend.assert_u16(&rest, Check::TokenRange)?,
                    Packing::Long | Packing::Wide => {
                        drop(backend.bits(&rest, bits, Check::TokenRange)?)
                    }
                }
                out.push(backend.bits(&id, bits, Check::TokenRange)?);
            }
        }
        // Slots beyond the tokens hold token 0.
        let zero = backend.constant(Fr::from(0));
        if self.program.input_end() == End::Tokens {
            both[0].resize(self.program.slots(), vec![zero; bits]);
        }
        let prompt = sequence.prompt as usize;
        let before = proof.output.iter().skip(prompt.saturating_sub(1));
        for (token, output) in proof.input.iter().skip(prompt).zip(before) {
            if on("generated token") {
                backend.assert_equal(token, output, Check::Generated)?;
            }
        }
        Ok(both)
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

    /// Input and output tensors agree with the committed trace at random points; the tokens of a
    /// sequence are not in the trace.
    fn boundary<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
        proof: &FoldedProof<B::Scalar, B::Point>,
    ) -> Vec<EvalClaim<B::Scalar>> {
        let mut claims = vec![];
        if self.program.is_weights_only() {
            return claims;
        }
        if self.program.sequence.is_some() {
            return self.shard_claims(backend, transcript);
        }
        for (id, values) in [
            (self.program.input, &proof.input),
            (self.program.output, &proof.output),
        ] {
            let view = self.boundary_view(id);
            let point = transcript.challenges(backend, "boundary point", view.log());
            let value = self.tensor_value(backend, id, values, &point);
            if on("values at the boundary") {
                claims.push(EvalClaim { view, point, value });
            }
        }
        claims
    }

    /// At the ends of a shard: the copies that boundary commitments are of equal the tensors at random
    /// points, and a residual stream that comes in is zero on its padding. None of other sequences. The
    /// values are known, so there is no message.
    pub fn shard_claims<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
    ) -> Vec<EvalClaim<B::Scalar>> {
        let mut claims = vec![];
        for boundary in &self.layout.boundaries {
            if boundary.input && on("padding that comes in") {
                let tensor = self.program.tensors.get(boundary.tensor);
                let axes = tensor.map_or(&[] as &[u32], |t| &t.axes);
                let features = axes.iter().map(|a| *a as usize);
                let padding = Zeros {
                    view: self.layout.tensor(boundary.tensor),
                    axes: std::iter::once(self.program.slots())
                        .chain(features)
                        .collect(),
                };
                claims.extend(zeros::claims(backend, transcript, &padding));
            }
            if !on("copy at a boundary") {
                continue;
            }
            let view = boundary.difference(&self.layout, self.program.limb_bits.into());
            claims.push(EvalClaim {
                point: transcript.challenges(backend, "boundary point", view.log()),
                value: backend.constant(Fr::from(0)),
                view,
            });
        }
        claims
    }

    /// The column that the values of an input or output are compared with: the tensor's, without what stands behind the
    /// ends of its axes if that does not follow from the program.
    pub fn boundary_view(&self, id: TensorId) -> View {
        let column = self.layout.tensor(id);
        match self.padding.get(id).copied().flatten() {
            Some(_) => column,
            None => bounded(&self.program, id, &column).unwrap_or(column),
        }
    }

    /// The multilinear extension of a `(slots, axes…)` tensor, padded features filled as the program
    /// computes them: zero, or the table's value at zero; zero where the view leaves them out.
    fn tensor_value<B: Backend>(
        &self,
        backend: &mut B,
        id: TensorId,
        values: &[B::Scalar],
        point: &[B::Scalar],
    ) -> B::Scalar {
        let width = self.program.tensor_width(id).max(1);
        let padded = 1usize << self.layout.width_logs.get(id).copied().unwrap_or(0);
        let padding = self.padding.get(id).copied().flatten().unwrap_or(0);
        let padding = backend.constant(fr_from_i64(padding));
        let tensor = self.program.tensors.get(id);
        let axes = tensor.map_or(&[] as &[u32], |t| &t.axes);
        let mut table = Vec::with_capacity(padded * self.program.slots());
        for row in values.chunks(width) {
            let start = table.len();
            table.resize(start + padded, padding.clone());
            for (flat, value) in row.iter().enumerate() {
                if let Some(slot) = table.get_mut(start + padded_index(axes, flat)) {
                    *slot = value.clone();
                }
            }
        }
        eq::fold_values(backend, &table, point)
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

/// Holds values to the range on which packing them is injective; tokens that are packed longer are cut into bits by the
/// check of tokens.
fn assert_ranges<B: Backend>(
    backend: &mut B,
    packing: Packing,
    values: &[B::Scalar],
) -> Result<(), VerifyError> {
    let offset = fr_from_i64(packing.offset());
    for value in values {
        let mut stored = || backend.linear(offset, &[(Fr::from(1), value.clone())]);
        match packing {
            Packing::Short if on("range of values") => {
                let stored = stored();
                backend.assert_u16(&stored, Check::ValueRange)?;
            }
            Packing::Wide if on("range of wide values") => {
                let stored = stored();
                backend.assert_u32(&stored, Check::ValueRange)?;
            }
            Packing::Short | Packing::Long | Packing::Wide => {}
        }
    }
    Ok(())
}
