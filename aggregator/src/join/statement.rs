//! The statement of a join, from those of its children.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::{Backend, Native};
use laminate_engine::error::{Check, VerifyError, expect_len};
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::switch::on;
use laminate_engine::transcript::{Domain, hash};
use laminate_model::program::{ACTIVATION_BOUND, padded_log};
use laminate_model::statement::{self, Packing, STATEMENT_HEAD};

use super::plan::{Child, Mode, Plan, Tokens};

/// The fields of a child's statement.
struct Fields<'a, S> {
    program: &'a S,
    weights: &'a S,
    input: &'a S,
    boundary_in: Option<&'a S>,
    boundary_out: Option<&'a S>,
    words: &'a [S],
}

impl<'a, S> Fields<'a, S> {
    fn of(child: &Child, fields: &'a [S]) -> Result<Self, VerifyError> {
        let expected = child.public.statement as usize;
        expect_len("fields of a statement", fields.len(), expected)?;
        let missing = || VerifyError::Shape {
            what: "fields of a statement",
            expected: STATEMENT_HEAD,
            found: fields.len(),
        };
        let (head, rest) = fields
            .split_at_checked(STATEMENT_HEAD)
            .ok_or_else(missing)?;
        let [program, weights, input] = head else {
            return Err(missing());
        };
        let (first, rest) = rest
            .split_at_checked(child.boundary_in.into())
            .ok_or_else(missing)?;
        let (last, words) = rest
            .split_at_checked(child.boundary_out.into())
            .ok_or_else(missing)?;
        Ok(Self {
            program,
            weights,
            input,
            boundary_in: first.first(),
            boundary_out: last.first(),
            words,
        })
    }
}

/// `H_join(mode, row log, count, (key, program, weights, shape) of each)`.
pub(super) fn program_digest<B: Backend>(
    backend: &mut B,
    plan: &Plan,
    children: &[[B::Scalar; 3]],
) -> B::Scalar {
    let mut message: Vec<B::Scalar> = header(plan)
        .into_iter()
        .map(|value| backend.constant(Fr::from(value)))
        .collect();
    for (values, child) in children.iter().zip(&plan.children) {
        message.extend(values.iter().cloned());
        message.push(backend.constant(shape(child)));
    }
    hash(backend, Domain::Join, &message)
}

/// The numbers of a child, in one.
fn shape(child: &Child) -> Fr {
    let public = &child.public;
    let numbers = [public.outputs, public.statement, public.terms, public.left];
    let flags = u64::from(child.boundary_in) + 2 * u64::from(child.boundary_out);
    let numbers = numbers
        .into_iter()
        .map(u64::from)
        .chain([flags])
        .enumerate();
    numbers.map(|(i, n)| Fr::from(n) * pow2(32 * i)).sum()
}

/// Everything of a plan but its children, as integers.
fn header(plan: &Plan) -> Vec<u64> {
    let mode = match plan.mode {
        Mode::Batch => [0; 6],
        Mode::Chain(None) => [1, 0, 0, 0, 0, 0],
        Mode::Chain(Some(tokens)) => [
            2,
            tokens.tokens.into(),
            tokens.prompt.into(),
            tokens.prompt_public.into(),
            tokens.vocab.into(),
            tokens.packing.bits() as u64,
        ],
    };
    let rest = [u64::from(plan.row_log), plan.children.len() as u64];
    mode.into_iter().chain(rest).collect()
}

/// A hash of several values; a single one is itself.
fn joined<B: Backend>(backend: &mut B, domain: Domain, values: Vec<B::Scalar>) -> B::Scalar {
    match <[B::Scalar; 1]>::try_from(values) {
        Ok([value]) => value,
        Err(values) => hash(backend, domain, &values),
    }
}

/// The weight commitment that a join states, given those of its children in their order.
pub fn weight_commitment(children: &[Fr]) -> Fr {
    joined(&mut Native, Domain::JoinWeights, children.to_vec())
}

/// The fields of the join's statement, given keys and ranges of the children, and their fields; `tokens` are those that the first
/// shard was fed and those that the last one chose, of a whole chain.
///
/// # Errors
/// Shape errors; natively, boundaries or tokens that do not fit each other.
pub(super) fn join<B: Backend>(
    backend: &mut B,
    plan: &Plan,
    keys: &[[B::Scalar; 2]],
    statements: &[&[B::Scalar]],
    tokens: [&[B::Scalar]; 2],
) -> Result<Vec<B::Scalar>, VerifyError> {
    let children = plan.children.iter().zip(statements);
    let children: Vec<Fields<'_, B::Scalar>> = children
        .map(|(child, fields)| Fields::of(child, fields))
        .collect::<Result<_, _>>()?;
    let digests: Vec<[B::Scalar; 3]> = keys
        .iter()
        .zip(&children)
        .map(|([key, range], child)| [key.clone(), child.program.clone(), range.clone()])
        .collect();
    let program = program_digest(backend, plan, &digests);
    let weights = children.iter().map(|c| c.weights.clone()).collect();
    let weights = joined(backend, Domain::JoinWeights, weights);
    let inputs = children.iter().map(|c| c.input.clone());
    let mut fields = vec![program, weights];
    let all_words = || children.iter().flat_map(|c| c.words).cloned();
    let (mut ends, words) = match plan.mode {
        Mode::Batch => {
            fields.push(joined(backend, Domain::JoinInputs, inputs.collect()));
            (vec![], all_words().collect())
        }
        Mode::Chain(whole) => {
            fields.extend(inputs.take(1));
            for pair in children.windows(2) {
                let [a, b] = pair else { continue };
                if let (Some(out), Some(next)) = (a.boundary_out, b.boundary_in)
                    && on("boundary of joined shards")
                {
                    backend.assert_equal(out, next, Check::Boundary)?;
                }
            }
            let first = children.first().and_then(|c| c.boundary_in);
            let last = children.last().and_then(|c| c.boundary_out);
            let words = match whole {
                None => all_words().collect(),
                Some(whole) => run(backend, &whole, &children, tokens)?,
            };
            (first.into_iter().chain(last).cloned().collect(), words)
        }
    };
    fields.append(&mut ends);
    fields.extend(words);
    Ok(fields)
}

/// The words of a whole run: the tokens behind both ends' words are those given, what was fed is what was chosen
/// before it, and the public prompt and all choices are packed again.
fn run<B: Backend>(
    backend: &mut B,
    whole: &Tokens,
    children: &[Fields<'_, B::Scalar>],
    tokens: [&[B::Scalar]; 2],
) -> Result<Vec<B::Scalar>, VerifyError> {
    let [fed, choices] = tokens;
    expect_len("tokens fed", fed.len(), whole.fed())?;
    expect_len("tokens chosen", choices.len(), whole.choices())?;
    let no_words: &[B::Scalar] = &[];
    let first = children.first().map_or(no_words, |c| c.words);
    let last = children.last().map_or(no_words, |c| c.words);
    for (tokens, words) in [(fed, first), (choices, last)] {
        // Packing is injective on ids in range.
        for token in tokens {
            let stored = backend.linear(fr_from_i64(ACTIVATION_BOUND), &[(Fr::ONE, token.clone())]);
            match whole.packing {
                Packing::Short if !on("range of joined short tokens") => {}
                Packing::Long if !on("range of joined long tokens") => {}
                Packing::Short => backend.assert_u16(&stored, Check::TokenRange)?,
                Packing::Long | Packing::Wide => {
                    let bits = padded_log(whole.vocab as usize);
                    drop(backend.bits(&stored, bits, Check::TokenRange)?);
                }
            }
        }
        let packed = statement::pack(backend, whole.packing, tokens);
        expect_len("words of tokens", words.len(), packed.len())?;
        for (packed, word) in packed.iter().zip(words) {
            if !on("words of joined tokens") {
                continue;
            }
            backend.assert_equal(packed, word, Check::OutputWords)?;
        }
    }
    let (prompt, generated) = fed.split_at(whole.prompt_len().min(fed.len()));
    for (token, choice) in generated.iter().zip(choices) {
        if !on("generated token of a join") {
            continue;
        }
        backend.assert_equal(token, choice, Check::Generated)?;
    }
    let public: Vec<B::Scalar> = prompt.iter().chain(choices).cloned().collect();
    Ok(statement::pack(backend, whole.packing, &public))
}
