//! Every tensor as a column of integers.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;

use crate::program::{Program, TensorId};
use laminate_engine::claim::{Term, View, WiredConstant};
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Block;
use laminate_engine::maps::{Linear, Map, Mask, Wiring};

/// Every tensor as a column of integers.
pub(super) fn views(program: &Program, tensors: &[Vec<Block>], unsigned: &[bool]) -> Vec<View> {
    let bits = usize::from(program.limb_bits);
    let offset = |id: TensorId| match program.tensors.get(id) {
        Some(tensor) if unsigned.get(id) != Some(&true) => {
            fr_from_i64(-(1 << (i64::from(tensor.bits) - 1)))
        }
        _ => Fr::from(0),
    };
    let limbs = |id: TensorId| tensors.get(id).map_or(&[] as &[Block], Vec::as_slice);
    let mut out: Vec<View> = (0..tensors.len())
        .map(|id| View::limbs(offset(id), limbs(id), bits))
        .collect();
    if let Some(carry) = program.carry {
        let stack = program.tensors.get(carry.entry);
        let log = stack.map_or(0, |t| t.stack_log());
        let count = stack.map_or(1, |t| t.stack as usize);
        let first: Vec<Block> = limbs(carry.entry)
            .iter()
            .map(|b| Block {
                log: b.log - log,
                ..*b
            })
            .collect();
        let rest = program.column_log(carry.entry) - log;
        let axes = vec![log, rest];
        let mut exit = View {
            constant: Fr::from(0),
            constants: vec![WiredConstant {
                value: offset(carry.exit),
                wiring: Arc::new(Wiring {
                    view: axes.clone(),
                    axes: vec![],
                    masks: vec![Mask::Below {
                        axis: 0,
                        size: count,
                    }],
                }),
            }],
            terms: vec![],
        };
        // Entry l is what enters block l + 1, the last one what leaves the last block.
        let own = (rest, Map::Same { axis: 1 });
        let next = Linear::shift(0, 1 << log, 1, count);
        let last = Mask::Only {
            axis: 0,
            at: count.saturating_sub(1),
        };
        let wirings = [
            (
                carry.entry,
                vec![(log, Map::Linear(next)), own.clone()],
                vec![],
            ),
            (carry.output, vec![own], vec![last]),
        ];
        for (id, maps, masks) in wirings {
            let wiring = Arc::new(Wiring {
                view: axes.clone(),
                axes: maps,
                masks,
            });
            let terms = View::limbs(Fr::from(0), limbs(id), bits).terms;
            exit.terms.extend(terms.into_iter().map(|t| Term {
                wiring: Some(Arc::clone(&wiring)),
                ..t
            }));
        }
        if let Some(view) = out.get_mut(carry.input) {
            *view = View::limbs(offset(carry.input), &first, bits);
        }
        if let Some(view) = out.get_mut(carry.exit) {
            *view = exit;
        }
    }
    out
}
