//! The program of a forest: one op between rows of keys and rows of sums.

use laminate_model::ops::Forest;
use laminate_model::ops::forest::{MAX_STEPS, Nodes, Row};
use laminate_model::program::{
    MAX_BATCH_LOG, MAX_WIDTH, Node, Op, Program, Tensor, Weights, padded_log,
};

use super::machine::Machine;
use super::{TreeError, keys};

/// The program and weights of a machine. Input: one key a feature ([`keys::key`]); output: one sum a chain, in units of
/// `2^-fraction`.
///
/// # Errors
/// [`TreeError::TooLarge`] for a batch, [`TreeError::Program`] for a forest that no program holds.
pub fn program(
    machine: &Machine,
    name: impl Into<String>,
    batch: usize,
    row_log: u8,
) -> Result<(Program, Weights), TreeError> {
    TreeError::bound("batch", batch, 1 << MAX_BATCH_LOG)?;
    TreeError::bound(
        "number of nodes of a program's table",
        machine.rows.len(),
        MAX_WIDTH as usize,
    )?;
    TreeError::bound(
        "number of steps of a chain",
        machine.steps as usize,
        MAX_STEPS as usize,
    )?;
    let missing = machine.variants.iter().any(|v| v.missing_low);
    let number = |feature: u32| {
        // Variant 0 is the lowest key, whatever the feature.
        let variant = usize::try_from(feature).ok().and_then(|f| f.checked_sub(1));
        let Some(variant) = variant.and_then(|v| machine.variants.get(v)) else {
            return Forest::variant(Forest::BOTTOM, 0, machine.features) as u32;
        };
        let kind = if variant.missing_low {
            Forest::MISSING_LOW
        } else {
            Forest::PLAIN
        };
        Forest::variant(kind, variant.feature as usize, machine.features) as u32
    };
    let rows = machine.rows.iter().map(|row| Row {
        variant: number(row.feature),
        threshold: row.threshold,
        child: row.child,
        value: row.value,
    });
    let nodes = Nodes(rows.collect());
    let mut program = Program::empty(name, padded_log(batch.max(1)) as u8, row_log);
    program.limb_bits = 16;
    let wide = |name: &str, width: u32, scale: i8| Tensor {
        bits: 32,
        ..Tensor::new(name, width, scale)
    };
    program.tensors = vec![
        wide("keys", machine.features as u32, 0),
        // `lower` keeps the fraction within an i8.
        wide("margins", machine.chains, machine.fraction as i8),
    ];
    program.weights = vec![nodes.shape()];
    program.nodes = vec![Node {
        name: "forest".into(),
        op: Op::Forest(Forest {
            weight: 0,
            chains: machine.chains,
            steps: machine.steps,
            missing,
        }),
        inputs: vec![0],
        output: 1,
    }];
    program.output = 1;
    program.check()?;
    let weights = Weights {
        dense: vec![nodes.weights()],
    };
    Ok((program, weights))
}

/// Whether a program takes keys of float32 numbers rather than numbers at a scale.
#[must_use]
pub fn takes_keys(program: &Program) -> bool {
    program
        .nodes
        .iter()
        .any(|node| matches!(node.op, Op::Forest(_)) && node.inputs == [program.input])
}

/// The keys of a row.
#[must_use]
pub fn keys_of(row: &[f32]) -> Vec<i32> {
    row.iter().map(|&x| keys::key(x)).collect()
}
