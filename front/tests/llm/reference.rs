//! The executor of programs over tokens against an independent Python model, generation, and the
//! identities that proofs rely on, on small models of odd shapes.

use laminate_front::llama::{FloatRun, Part};
use laminate_front::quant::{Compiled, Options, WeightChoice, compile, fidelity};
use laminate_model::program::{Program, Weights};
use laminate_prover::exec::{ExecError, Generator, generate, run_tokens};

use crate::support::invariants::assert_trace_satisfies;
use crate::support::models::{SHAPES, altered, model, tokens};
use crate::support::python::{python, unpadded};

fn compiled(shape: usize, fold: bool, weights: WeightChoice) -> Compiled {
    let options = Options {
        headroom: 2.0,
        fold,
        weights,
        ..Options::tokens("random", 5, 2)
    };
    let model = model(SHAPES[shape], shape as u64);
    let run = FloatRun::new(&model).unwrap();
    compile(&run, &tokens(7, 20, 8), &options).unwrap()
}

fn formats() -> impl Iterator<Item = (usize, bool, WeightChoice)> {
    let of = |shape| {
        [
            (true, WeightChoice::Int8),
            (false, WeightChoice::Int8),
            (true, WeightChoice::Ternary),
        ]
        .map(|(fold, format)| (shape, fold, format))
    };
    (0..SHAPES.len()).flat_map(of)
}

#[test]
fn every_tensor_and_remainder_agrees_with_python() {
    for (shape, fold, format) in formats() {
        let Compiled {
            program, weights, ..
        } = compiled(shape, fold, format);
        for tokens in tokens(shape as u64, 2, 5) {
            let trace = run_tokens(&program, &weights, &tokens).unwrap();
            let Some(python) = python(&program, &weights, &tokens) else {
                return;
            };
            let (expected, found) = (python.unwrap(), unpadded(&program, &trace));
            assert_eq!(
                found["remainders"], expected["remainders"],
                "{shape} {fold}"
            );
            assert_eq!(found["tensors"], expected["tensors"], "{shape} {fold}");
        }
    }
}

#[test]
fn every_trace_satisfies_the_relations() {
    for (shape, fold, format) in formats() {
        let Compiled {
            program, weights, ..
        } = compiled(shape, fold, format);
        for length in [1, 5, 8] {
            let trace = run_tokens(&program, &weights, &tokens(9, 1, length)[0]).unwrap();
            assert_trace_satisfies(&program, &weights, &trace);
        }
    }
}

#[test]
fn stacked_and_separate_blocks_compute_the_same() {
    for (shape, (heads, _, _, layers)) in SHAPES.into_iter().enumerate() {
        let [a, b] = [true, false].map(|fold| compiled(shape, fold, WeightChoice::Int8));
        assert_eq!(a.program.carry.is_some(), layers > 1, "{heads} heads");
        assert!(b.program.carry.is_none());
        let body: Vec<_> = a
            .program
            .nodes
            .iter()
            .filter(|n| n.name.starts_with("blocks."))
            .collect();
        for tokens in tokens(shape as u64, 3, 8) {
            let [x, y] = [&a, &b].map(|c| run_tokens(&c.program, &c.weights, &tokens).unwrap());
            for block in 0..layers {
                for node in &body {
                    let short = node.name.rsplit('.').next().unwrap();
                    let name = format!("blocks.{block}.{short}");
                    let (found, values) = named(&b.program, &y, &name);
                    let size = values.len();
                    assert_eq!(found.1, size);
                    if let Some(stacked) = x.tensors[node.output].get(block * size..) {
                        assert!(stacked.is_empty() || stacked[..size] == *values, "{name}");
                    }
                }
            }
            for name in ["final_norm", "head", "argmax"] {
                assert_eq!(
                    named(&a.program, &x, name).1,
                    named(&b.program, &y, name).1,
                    "{name}"
                );
            }
        }
    }
}

/// A tensor by its name, with its place and length.
fn named<'t>(
    program: &Program,
    trace: &'t laminate_prover::exec::Trace,
    name: &str,
) -> ((usize, usize), &'t [i32]) {
    let id = program.tensors.iter().position(|t| t.name == name).unwrap();
    ((id, trace.tensors[id].len()), &trace.tensors[id])
}

fn choices(program: &Program, weights: &Weights, tokens: &[u32]) -> Vec<u32> {
    let trace = run_tokens(program, weights, tokens).unwrap();
    let ids = trace.tensors[program.output].iter();
    ids.take(tokens.len())
        .map(|v| (v + 32_768) as u32)
        .collect()
}

#[test]
fn generation_gives_the_tokens_that_a_whole_run_proves() {
    for (shape, fold, format) in formats() {
        let Compiled {
            program, weights, ..
        } = compiled(shape, fold, format);
        for prompt in [vec![3], vec![36, 0, 5]] {
            let count = 9 - prompt.len();
            let new = generate(&program, &weights, &prompt, count).unwrap();
            let mut whole = prompt.clone();
            whole.extend(&new);
            let last = whole.pop().unwrap();
            let chosen = choices(&program, &weights, &whole);
            assert_eq!(chosen[prompt.len() - 1..], new, "shape {shape}");
            assert_eq!(chosen.last(), Some(&last));
        }
    }
}

#[test]
fn generation_in_pieces_is_the_same() {
    let Compiled {
        program, weights, ..
    } = compiled(2, true, WeightChoice::Int8);
    let tokens = &tokens(3, 1, 8)[0];
    let whole = choices(&program, &weights, tokens);
    for cut in 1..8 {
        let mut generator = Generator::new(&program, &weights).unwrap();
        assert!(generator.is_empty());
        assert_eq!(generator.push(&tokens[..cut]).unwrap(), whole[cut - 1]);
        assert_eq!(generator.push(&tokens[cut..]).unwrap(), whole[7]);
        assert_eq!(generator.len(), 8);
        let full = generator.push(&[1]).unwrap_err();
        assert_eq!(full, ExecError::Tokens { found: 1, limit: 0 });
    }
}

#[test]
fn both_refuse_what_leaves_its_range() {
    let mut refused = 0;
    for shape in 0..SHAPES.len() {
        let good = compiled(shape, true, WeightChoice::Int8);
        for layer in 0..good.weights.dense.len() {
            let Compiled {
                program,
                mut weights,
                ..
            } = good.clone();
            weights.dense[layer].multiplier.fill((1 << 24) - 1);
            let tokens = &tokens(1, 1, 5)[0];
            let rust = run_tokens(&program, &weights, tokens);
            let Some(python) = python(&program, &weights, tokens) else {
                return;
            };
            match (rust, python) {
                (Ok(trace), Ok(expected)) => assert_eq!(unpadded(&program, &trace), expected),
                (Err(ExecError::OutOfRange(at)), Err(why)) => {
                    let place = format!(
                        "{}, block {}, slot {}, feature {}: {} ",
                        at.name,
                        at.block.unwrap_or(0),
                        at.slot,
                        at.feature,
                        at.value
                    );
                    assert!(why.contains(&place), "{place}\n{why}");
                    refused += 1;
                }
                (a, b) => panic!("shape {shape}, weights {layer}: {a:?}\n{b:?}"),
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn unusable_tokens_are_refused() {
    let Compiled {
        program, weights, ..
    } = compiled(0, true, WeightChoice::Int8);
    let run = |tokens: &[u32]| run_tokens(&program, &weights, tokens).unwrap_err();
    assert_eq!(run(&[]), ExecError::Tokens { found: 0, limit: 8 });
    assert_eq!(run(&[0; 9]), ExecError::Tokens { found: 9, limit: 8 });
    let unknown = ExecError::Token {
        position: 1,
        token: 37,
        vocab: 37,
    };
    assert_eq!(run(&[36, 37]), unknown);
    let rows = laminate_prover::exec::run(&program, &weights, &[vec![0]]);
    assert_eq!(rows.unwrap_err(), ExecError::IsSequence);
}

/// A tied model whose last norm has no scale has one table for embedding and head, unless its logits are
/// too large.
#[test]
fn a_shared_table_serves_embedding_and_head() {
    for (factor, tables) in [(1.0, 1), (200.0, 2)] {
        let model = altered(&model(SHAPES[0], 2), |part, values| match part {
            Part::FinalNorm => values.fill(1.0),
            Part::Embedding => values.iter_mut().for_each(|v| *v *= factor),
            _ => {}
        });
        assert!(model.config.tied);
        let run = FloatRun::new(&model).unwrap();
        let options = Options {
            headroom: 2.0,
            ..Options::tokens("tied", 5, 2)
        };
        let Compiled {
            program, weights, ..
        } = compile(&run, &tokens(7, 20, 8), &options).unwrap();
        assert_eq!(
            weights.dense.len(),
            7 + tables,
            "and seven matrices of blocks"
        );
        let tokens = tokens(1, 1, 5).remove(0);
        let trace = run_tokens(&program, &weights, &tokens).unwrap();
        assert_trace_satisfies(&program, &weights, &trace);
        let found = fidelity(&run, &program, &weights, std::slice::from_ref(&tokens)).unwrap();
        assert!(found.agreement() >= Some(0.8), "{found:?}");
        let Some(python) = python(&program, &weights, &tokens) else {
            return;
        };
        assert_eq!(unpadded(&program, &trace), python.unwrap());
    }
}
