//! Tables of the public weights of `laminate_engine::relations::kernel`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::fr_from_i64;
use laminate_engine::poly::eq;
use laminate_engine::relations::Kernel;

use super::Inputs;

/// The kernel over its contracted axes in ascending order, for the points drawn so far.
pub(super) fn table(
    inputs: &Inputs<'_>,
    kernel: &Kernel,
    logs: &[usize],
    points: &[Vec<Fr>],
) -> Vec<Fr> {
    match kernel {
        Kernel::Known {
            list,
            slot,
            entry,
            shared: false,
        } => {
            let mut out = vec![Fr::ZERO; 1 << logs[*entry]];
            for (weight, id) in eq::table(&points[*slot]).iter().zip(&inputs.known[*list]) {
                out[*id] += weight;
            }
            out
        }
        Kernel::Known {
            list,
            slot,
            entry,
            shared: true,
        } => {
            let width = 1usize << logs[*entry];
            let mut out = vec![Fr::ZERO; width << logs[*slot]];
            let slots = eq::table(&points[*slot]);
            let rows = out.chunks_mut(width).zip(&slots);
            for ((row, weight), id) in rows.zip(&inputs.known[*list]) {
                row[*id] = *weight;
            }
            out
        }
        Kernel::Rotation {
            angles,
            slot,
            half,
            pair,
        } => {
            let (slots, pairs) = (eq::table(&points[*slot]), eq::table(&points[*pair]));
            let halves = eq::table(&points[*half]);
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
