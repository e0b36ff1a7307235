//! The statement against the witness: hashes, packed words, credentials, tokens.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Backend;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::field::fr_from_i64;
use laminate_engine::switch::on;

use super::Verifier;
use crate::credential;
use crate::program::{ACTIVATION_BOUND, End, padded_log};
use crate::proof::FoldedProof;
use crate::statement::{self, Packing, Statement};

impl Verifier {
    /// The statement's hashes and packed output match the witness.
    pub(super) fn check_statement<B: Backend>(
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
    pub(super) fn check_tokens<B: Backend>(
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
