//! What a run begins with: rows, tokens or the residual stream, as the input tensor holds them.

use laminate_model::program::{ACTIVATION_BOUND, End, Program, Sequence, padded_index};

use super::ExecError;

/// The input values that a proof's commitment is of: all slots without padding, row-major `(slots, width)`; slots
/// beyond the given rows repeat the last.
///
/// # Errors
/// [`ExecError`] if the program is malformed or not over rows, or the rows do not fit.
pub fn row_values(program: &Program, rows: &[Vec<i32>]) -> Result<Vec<i32>, ExecError> {
    program.check()?;
    check_rows(program, rows)?;
    let slots = (0..program.slots()).map(|slot| &rows[slot.min(rows.len() - 1)]);
    Ok(slots.flatten().copied().collect())
}

/// The input tensor of a run on rows.
pub(super) fn padded_rows(program: &Program, rows: &[Vec<i32>]) -> Result<Vec<i32>, ExecError> {
    check_rows(program, rows)?;
    let tensor = &program.tensors[program.input];
    let places: Vec<usize> = (0..tensor.width())
        .map(|i| padded_index(&tensor.axes, i))
        .collect();
    let mut out = vec![0; program.slots() << tensor.width_log()];
    for (slot, target) in out.chunks_exact_mut(1 << tensor.width_log()).enumerate() {
        let source = &rows[slot.min(rows.len() - 1)];
        for (at, value) in places.iter().zip(source) {
            target[*at] = *value;
        }
    }
    Ok(out)
}

/// Rows are 1 to `slots`, each of the input's width and of int16 values.
fn check_rows(program: &Program, rows: &[Vec<i32>]) -> Result<(), ExecError> {
    if program.sequence.is_some() {
        return Err(ExecError::IsSequence);
    }
    let slots = program.slots();
    if rows.is_empty() || rows.len() > slots {
        return Err(ExecError::Rows {
            found: rows.len(),
            slots,
        });
    }
    let expected = program.tensor_width(program.input);
    for (row, source) in rows.iter().enumerate() {
        if source.len() != expected {
            return Err(ExecError::Columns {
                row,
                found: source.len(),
                expected,
            });
        }
        let fits = |v: &i32| (-ACTIVATION_BOUND..ACTIVATION_BOUND).contains(&i64::from(*v));
        if let Some(feature) = source.iter().position(|v| !fits(v)) {
            return Err(ExecError::Input {
                row,
                feature,
                value: source[feature],
                bound: ACTIVATION_BOUND,
            });
        }
    }
    Ok(())
}

/// The input values that a proof's commitment is of: the program's number of tokens, as `id - 2^15`.
///
/// # Errors
/// [`ExecError`] if the program is malformed or does not read tokens, or the tokens do not fit.
pub fn token_values(program: &Program, tokens: &[u32]) -> Result<Vec<i32>, ExecError> {
    program.check()?;
    let values = encode(program, tokens, program.input_len())?;
    if values.len() == program.input_len() {
        return Ok(values);
    }
    Err(ExecError::TokenCount {
        found: values.len(),
        expected: program.input_len(),
    })
}

/// The input tensor of a run on tokens.
pub(super) fn padded_tokens(program: &Program, tokens: &[u32]) -> Result<Vec<i32>, ExecError> {
    let slots = program.slots();
    let mut input = encode(program, tokens, slots)?;
    input.resize(slots, -(ACTIVATION_BOUND as i32));
    Ok(input)
}

/// Tokens as the input tensor holds them, `id - 2^15`.
pub(super) fn encode(
    program: &Program,
    tokens: &[u32],
    limit: usize,
) -> Result<Vec<i32>, ExecError> {
    let Sequence { vocab, .. } = reads(program, End::Tokens)?;
    if tokens.is_empty() || tokens.len() > limit {
        return Err(ExecError::Tokens {
            found: tokens.len(),
            limit,
        });
    }
    let one = |(position, token): (usize, &u32)| {
        if *token < vocab {
            return Ok(*token as i32 - ACTIVATION_BOUND as i32);
        }
        Err(ExecError::Token {
            position,
            token: *token,
            vocab,
        })
    };
    tokens.iter().enumerate().map(one).collect()
}

/// The input tensor of a shard's run on the residual stream.
pub(super) fn residual(program: &Program, residual: &[i32]) -> Result<Vec<i32>, ExecError> {
    reads(program, End::Residual)?;
    let expected = 1 << program.column_log(program.input);
    if residual.len() != expected {
        return Err(ExecError::Residual {
            found: residual.len(),
            expected,
        });
    }
    Ok(residual.to_vec())
}

/// Refuses a shard that reads the other kind of input.
fn reads(program: &Program, end: End) -> Result<Sequence, ExecError> {
    let sequence = program.sequence.ok_or(ExecError::NotSequence)?;
    if program.input_end() == end {
        return Ok(sequence);
    }
    Err(ExecError::ShardInput {
        shard: sequence.shard.map_or(0, |s| s.index),
        expected: match end {
            End::Tokens => "the residual stream, not tokens",
            End::Residual | End::Values => "tokens, not the residual stream",
        },
    })
}
