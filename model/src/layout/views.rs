//! Every tensor as a column of integers.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;

use crate::ops::{Io, Output};
use crate::program::view::MAX_VALUE;
use crate::program::{ACTIVATION_BOUND, Op, Program, Tensor, TensorId, WORD_BOUND, padded_log};
use laminate_engine::claim::{Term, View, WiredConstant};
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::maps::{Linear, Map, Mask, Wiring};
use laminate_engine::switch::on;

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
    // Of a checked program there is no error.
    let _ = read_off(program, &mut out, &mut |_, _| Ok(()));
    out
}

/// What is asked of a node and the columns of its operands.
type Look<'l> = dyn FnMut(&Io<'_>, &[View]) -> Result<(), String> + 'l;

/// Fills in the tensors that stand in others' columns, in the order of the nodes, and tells of every node with the
/// columns of its operands.
fn read_off(
    program: &Program,
    columns: &mut [View],
    each: &mut Look<'_>,
) -> Result<(), (usize, String)> {
    if program.sequence.is_some() {
        return Ok(());
    }
    for (index, node) in program.nodes.iter().enumerate() {
        let io = Io { program, node };
        let of = |id: &TensorId| columns.get(*id).cloned();
        let operands: Vec<View> = node.inputs.iter().filter_map(of).collect();
        each(&io, &operands).map_err(|problem| (index, problem))?;
        let found = match node.op.output() {
            Output::Operand(operand) => operands.get(operand).cloned(),
            Output::View => node
                .op
                .view(&io, &operands)
                .map_err(|problem| (index, problem))?,
            Output::Signed | Output::Unsigned | Output::Clear => None,
        };
        if let (Some(found), Some(slot)) = (found, columns.get_mut(node.output)) {
            *slot = found;
        }
    }
    Ok(())
}

/// Checks that views compose, what their maps cost, and what ops ask of how their operands stand in columns, before
/// there is a layout.
///
/// # Errors
/// The node and what is wrong.
pub fn check_views(program: &Program) -> Result<(), (usize, String)> {
    if program.sequence.is_some() {
        return Ok(());
    }
    let mut columns = symbolic(program);
    // Of a stored tensor: int16 in either of its forms, or int32.
    let stored = |tensor: &Tensor| match tensor.bits {
        32 => i128::from(WORD_BOUND),
        _ => i128::from(ACTIVATION_BOUND) << 1,
    };
    let mut bounds: Vec<i128> = program.tensors.iter().map(stored).collect();
    let most = bounds.iter().max().copied().unwrap_or(0);
    read_off(program, &mut columns, &mut |io, operands| {
        io.node.op.check_columns(io, operands)?;
        let of = |id: &TensorId| bounds.get(*id).copied().unwrap_or(most);
        let of: Vec<i128> = io.node.inputs.iter().map(of).collect();
        let bound = match (&io.node.op, io.node.op.output()) {
            (Op::View(view), _) => view.of(program).map_or(most, |view| view.bound(&of)),
            (_, Output::Operand(operand)) => of.get(operand).copied().unwrap_or(most),
            _ => program.tensors.get(io.node.output).map_or(most, stored),
        };
        if bound > MAX_VALUE && on("bound of a view") {
            return Err(format!(
                "may have entries up to {bound}, expected at most 2^40; read fewer entries or smaller coefficients"
            ));
        }
        if let Some(slot) = bounds.get_mut(io.node.output) {
            *slot = bound;
        }
        if let Some(view) = io.node.op.view(io, operands)? {
            view.check().map_err(|error| error.to_string())?;
        }
        Ok(())
    })?;
    // Of the output's padding the verifier knows nothing, and takes it out of what it compares.
    let output = columns.get(program.output);
    let last = program.nodes.len().saturating_sub(1);
    match output.map(|view| bounded(program, program.output, view)) {
        Some(None) if on("output that can be cut off") => Err((
            last,
            "is the output, whose axes cannot be cut off; store it in a column".into(),
        )),
        Some(Some(view)) => view.check().map_err(|error| (last, error.to_string())),
        Some(None) | None => Ok(()),
    }
}

/// The columns of a checked program's tensors, with blocks that lie anywhere.
fn symbolic(program: &Program) -> Vec<View> {
    let bits = usize::from(program.limb_bits);
    let column = |id: TensorId| {
        let block = Block {
            poly: Poly::Trace,
            offset: 0,
            log: program.column_log(id),
        };
        let width = program.tensors.get(id).map_or(16, |t| usize::from(t.bits));
        let blocks = vec![block; program.limbs(width / 8)];
        let offset = match is_unsigned(program, id) {
            true => Fr::from(0),
            false => fr_from_i64(-1 << (width - 1)),
        };
        View::limbs(offset, &blocks, bits)
    };
    (0..program.tensors.len()).map(column).collect()
}

/// The column of a tensor of a checked program over rows, with blocks that lie anywhere: how it is read off others.
pub fn symbolic_column(program: &Program, id: TensorId) -> Option<View> {
    let mut columns = symbolic(program);
    let _ = read_off(program, &mut columns, &mut |_, _| Ok(()));
    columns.into_iter().nth(id)
}

/// Whether a tensor is stored without an offset.
pub fn is_unsigned(program: &Program, id: TensorId) -> bool {
    let mut id = id;
    for node in program
        .nodes
        .iter()
        .rev()
        .filter(|_| program.sequence.is_none())
    {
        if node.output != id {
            continue;
        }
        match node.op.output() {
            Output::Operand(operand) => id = node.inputs.get(operand).copied().unwrap_or(id),
            output => return output == Output::Unsigned,
        }
    }
    false
}

/// A tensor over rows that is zero behind the ends of its feature axes, as a view of itself; none if it is one already
/// and the maps do not compose.
pub fn bounded(program: &Program, id: TensorId, column: &View) -> Option<View> {
    let tensor = program.tensors.get(id)?;
    if tensor.axes.iter().all(|axis| axis.is_power_of_two()) {
        return Some(column.clone());
    }
    let shared = [tensor.stack_log(), program.batch_log.into()];
    let features = tensor.axes.iter().enumerate();
    let features = features.map(|(axis, size)| {
        let (axis, log, size) = (
            axis + shared.len(),
            padded_log(*size as usize),
            *size as usize,
        );
        let map = match size.is_power_of_two() {
            true => Map::Same { axis },
            false => Map::Linear(Linear::shift(axis, size, 0, size)),
        };
        (log, map)
    });
    let own = shared.iter().enumerate();
    let axes: Vec<(usize, Map)> = own
        .map(|(axis, log)| (*log, Map::Same { axis }))
        .chain(features)
        .collect();
    let wiring = Wiring {
        view: axes.iter().map(|(log, _)| *log).collect(),
        axes,
        masks: vec![],
    };
    column.through(1, &Arc::new(wiring))
}
