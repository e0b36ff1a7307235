//! Language models: options and programs of small random ones.

use laminate_model::ops::{Mul, Scores};
use laminate_model::program::Op;

use super::super::{
    Options, Prepared, QuantError, Rounding, Tokens, WeightChoice, compile, fidelity,
};
use crate::llama::{FloatLlama, FloatRun, LlamaConfig, Rope};

fn model() -> FloatLlama {
    let config = LlamaConfig {
        dim: 16,
        hidden: 24,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        head_dim: 4,
        vocab: 11,
        max_tokens: 20,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied: false,
    };
    FloatLlama::random(config, 5).unwrap()
}

fn text() -> Vec<Vec<u32>> {
    vec![vec![1, 5, 10, 3, 3, 0, 7], vec![2; 30]]
}

fn refused(options: &Options<Tokens>, text: &[Vec<u32>]) -> QuantError {
    compile(&FloatRun::new(&model()).unwrap(), text, options).unwrap_err()
}

#[test]
fn options_are_checked() {
    let options = |tokens, prompt| Options::tokens("x", tokens, prompt);
    for (tokens, prompt) in [(0, 1), (21, 1), (5000, 1)] {
        let error = refused(&options(tokens, prompt), &text());
        assert!(
            matches!(error, QuantError::Tokens { limit: 20, .. }),
            "{error}"
        );
    }
    for prompt in [0, 9] {
        let error = refused(&options(8, prompt), &text());
        assert!(
            matches!(error, QuantError::Prompt { tokens: 8, .. }),
            "{error}"
        );
    }
    for headroom in [0.5, f64::NAN, 1e9] {
        let options = Options {
            headroom,
            ..options(8, 1)
        };
        assert!(matches!(
            refused(&options, &text()),
            QuantError::Headroom(_)
        ));
    }
    assert!(matches!(
        refused(&options(8, 1), &[vec![]]),
        QuantError::NoText
    ));
    assert!(matches!(
        refused(&options(8, 1), &[vec![11]]),
        QuantError::Model(_)
    ));
}

#[test]
fn programs_have_the_shape_of_the_model() {
    // Twenty tokens in 32 slots, more than the model was made for.
    for (fold, tokens, weights) in [
        (true, 5, WeightChoice::Int8),
        (false, 20, WeightChoice::Int8),
        (true, 20, WeightChoice::Ternary),
    ] {
        let options = Options {
            fold,
            weights,
            ..Options::tokens("shape", tokens, 2)
        };
        let compiled = compile(&FloatRun::new(&model()).unwrap(), &text(), &options).unwrap();
        let program = &compiled.program;
        program.check().unwrap();
        assert_eq!(program.slots(), tokens.next_power_of_two());
        assert_eq!(
            (program.limb_bits, program.check_weights, program.row_log),
            (16, true, 17)
        );
        assert_eq!(program.carry.is_some(), fold);
        let blocks = if fold { 1 } else { 3 };
        assert_eq!(program.nodes.len(), 4 + 16 * blocks);
        assert_eq!(compiled.weights.dense.len(), 2 + 7 * blocks);
        assert_eq!(compiled.report.len(), program.nodes.len());
        let [q, k] = ["q", "k"].map(|name| {
            let found = program
                .tensors
                .iter()
                .find(|t| t.name.ends_with(&format!(".{name}")));
            found.unwrap().axes.clone()
        });
        assert_eq!((q, k), (vec![2, 2, 2, 2], vec![2, 2, 2]));
        let ternary = weights == WeightChoice::Ternary;
        for (index, dense) in compiled.weights.dense.iter().enumerate() {
            let table = index == 0 || index + 1 == compiled.weights.dense.len();
            let small = dense.weight.iter().all(|w| w.abs() <= 1);
            assert_eq!(small, ternary && !table, "weights {index}");
        }
        for node in &program.nodes {
            if let Op::Scores(Scores { multiplier, .. }) | Op::Mul(Mul { multiplier, .. }) = node.op
            {
                assert!(multiplier.is_power_of_two());
            }
        }
    }
}

#[test]
fn given_row_logs_stay() {
    let options = Options {
        row_log: Some(12),
        ..Options::tokens("rows", 5, 2)
    };
    let compiled = compile(&FloatRun::new(&model()).unwrap(), &text(), &options).unwrap();
    assert_eq!(compiled.program.row_log, 12);
}
