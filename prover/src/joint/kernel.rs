//! Tables of the public weights of `laminate_protocol::relations::kernel`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_protocol::field::fr_from_i64;
use laminate_protocol::poly::eq;
use laminate_protocol::relations::Kernel;

use super::Inputs;

/// The kernel over its contracted axes in ascending order, for the points drawn so far.
pub(super) fn table(
    inputs: &Inputs<'_>,
    kernel: &Kernel,
    logs: &[usize],
    points: &[Vec<Fr>],
) -> Vec<Fr> {
    match *kernel {
        Kernel::Tokens { token, vocabulary } => {
            let mut out = vec![Fr::ZERO; 1 << logs[vocabulary]];
            for (weight, id) in eq::table(&points[token]).iter().zip(inputs.tokens) {
                out[*id] += weight;
            }
            out
        }
        Kernel::Choices { token, vocabulary } => {
            let width = 1usize << logs[vocabulary];
            let mut out = vec![Fr::ZERO; width << logs[token]];
            let slots = eq::table(&points[token]);
            for ((row, weight), id) in out.chunks_mut(width).zip(&slots).zip(inputs.choices) {
                row[*id] = *weight;
            }
            out
        }
        Kernel::Rotation {
            table,
            token,
            half,
            pair,
        } => {
            let angles = &inputs.program.rope[table];
            let (slots, pairs) = (eq::table(&points[token]), eq::table(&points[pair]));
            let halves = eq::table(&points[half]);
            let real = angles.cos.len() / slots.len();
            let mut out = Vec::with_capacity(slots.len() * pairs.len() * 2);
            for (t, slot) in slots.iter().enumerate() {
                for b in 0..2 {
                    for (e, p) in pairs.iter().enumerate() {
                        let angle = (e < real).then(|| t * real + e);
                        let of = |v: &[i32]| angle.map_or(Fr::ZERO, |at| fr_from_i64(v[at].into()));
                        let (cos, sin) = (of(&angles.cos), of(&angles.sin));
                        // Operand half b contributes cos to its own half, sin to the other.
                        let rotated = if b == 0 {
                            halves[0] * cos + halves[1] * sin
                        } else {
                            halves[1] * cos - halves[0] * sin
                        };
                        out.push(slot * p * rotated);
                    }
                }
            }
            out
        }
    }
}
