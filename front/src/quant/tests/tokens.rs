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
    let auto = Options {
        weights: WeightChoice::Auto,
        ..options(8, 1)
    };
    assert!(matches!(refused(&auto, &text()), QuantError::Auto));
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

/// A text is compared at all of its positions, or refused at all of them and none is left out of the count.
#[test]
fn refused_positions_are_counted() {
    let model = model();
    let run = FloatRun::new(&model).unwrap();
    let options = Options::tokens("refused", 8, 1);
    let mut compiled = compile(&run, &text(), &options).unwrap();
    assert_eq!(compiled.fidelity, None);
    let rounding = compiled.layers.iter().map(|layer| layer.rounding);
    assert!(rounding.eq([Rounding::Int8; 9]));
    // 7 tokens, and 30 in pieces of 8.
    let of = |compiled: &super::super::Compiled| {
        fidelity(&run, &compiled.program, &compiled.weights, &text()).unwrap()
    };
    let good = of(&compiled);
    assert_eq!(
        (good.rows, good.refused, good.first_refusal.as_ref()),
        (37, 0, None)
    );
    assert!(
        good.agreement().unwrap() > 0.8 && good.mean_error <= good.max_error,
        "{good:?}"
    );
    let perplexity = good.perplexity.unwrap();
    let ratio = perplexity.integer / perplexity.float;
    assert!((ratio - 1.0).abs() < 0.1, "{perplexity:?}");
    for dense in &mut compiled.weights.dense {
        dense.multiplier.fill((1 << 24) - 1);
    }
    let bad = of(&compiled);
    assert_eq!((bad.rows, bad.refused, bad.agreement()), (0, 37, None));
    assert!(bad.first_refusal.is_some() && bad.perplexity.is_none());
}

/// What a shard cannot be, and that all of them have the rows of a commitment to the whole.
#[test]
fn shards_are_parts() {
    let model = model();
    let run = FloatRun::new(&model).unwrap();
    let options = Options::tokens("shards", 5, 2);
    let prepared = Prepared::new(&run, &text(), &options).unwrap();
    for layers in [0, 3, 4] {
        let error = prepared.shards(layers).unwrap_err();
        assert!(
            matches!(error, QuantError::Shards { all: 3, .. }),
            "{error}"
        );
    }
    assert_eq!(
        (prepared.shards(1).unwrap(), prepared.shards(2).unwrap()),
        (3, 2)
    );
    let names = |index| {
        let shard = prepared.shard(2, index).unwrap();
        let sequence = shard.program.sequence.unwrap();
        assert_eq!(
            sequence.shard.map(|s| (s.index, s.count)),
            Some((index as u32, 2))
        );
        let nodes = shard.program.nodes;
        [nodes.first(), nodes.last()].map(|node| node.unwrap().name.clone())
    };
    assert_eq!(names(0), ["embed", "blocks.0-1.down"]);
    assert_eq!(names(1), ["blocks.2.attention_norm", "argmax"]);
}
