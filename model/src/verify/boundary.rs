//! The ends of a program: claimed inputs and outputs, or copies that commitments are of, against the trace.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use laminate_engine::backend::{Backend, Native};
use laminate_engine::claim::{EvalClaim, View};
use laminate_engine::field::fr_from_i64;
use laminate_engine::poly::eq;
use laminate_engine::relations::zeros::{self, Zeros};
use laminate_engine::switch::on;
use laminate_engine::transcript::Transcript;

use super::Verifier;
use crate::layout::{Boundary, bounded};
use crate::program::{TensorId, padded_index};
use crate::proof::FoldedProof;
use crate::statement;

impl Verifier {
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

    /// Input and output tensors agree with the committed trace at random points; the tokens of a
    /// sequence are not in the trace.
    pub(super) fn boundary<B: Backend>(
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
