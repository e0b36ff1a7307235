//! The float run: against a plain implementation, its observer, its errors.

use std::collections::BTreeMap;

use super::super::*;
use super::build::*;

/// The model written as plainly as it can be, in f64, one position at a time.
fn plain(model: &FloatLlama, tokens: &[u32]) -> Vec<Vec<f64>> {
    let c = &model.config;
    let part = |p| -> Vec<f64> { model.part(p).unwrap().into_iter().map(f64::from).collect() };
    let times = |p: Part, x: &[f64]| -> Vec<f64> {
        let row = |w: &[f64]| w.iter().zip(x).map(|(a, b)| a * b).sum();
        part(p).chunks(x.len()).map(row).collect()
    };
    let norm = |p: Part, x: &[f64]| -> Vec<f64> {
        let mean = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        let root = (mean + f64::from(c.norm_eps)).sqrt();
        part(p).iter().zip(x).map(|(g, v)| g * v / root).collect()
    };
    let rotate = |x: &mut [f64], position: usize| {
        let half = c.head_dim / 2;
        for head in x.chunks_mut(c.head_dim) {
            for i in 0..half {
                let frequency = f64::from(c.rope.theta).powf(-(i as f64) / half as f64);
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                let (a, b) = (head[i], head[i + half]);
                head[i] = cos * a - sin * b;
                head[i + half] = sin * a + cos * b;
            }
        }
    };
    let mut cache = vec![(Vec::<Vec<f64>>::new(), Vec::<Vec<f64>>::new()); c.layers];
    let mut logits = Vec::new();
    for (position, &token) in tokens.iter().enumerate() {
        let mut x = part(Part::Embedding)[token as usize * c.dim..][..c.dim].to_vec();
        for (layer, cache) in cache.iter_mut().enumerate() {
            let block = |p| Part::Block(layer, p);
            let h = norm(block(BlockPart::AttentionNorm), &x);
            let (mut q, mut k) = (
                times(block(BlockPart::Q), &h),
                times(block(BlockPart::K), &h),
            );
            rotate(&mut q, position);
            rotate(&mut k, position);
            cache.0.push(k);
            cache.1.push(times(block(BlockPart::V), &h));
            let mut out = Vec::new();
            for (head, q) in q.chunks(c.head_dim).enumerate() {
                let at = head / (c.heads / c.kv_heads) * c.head_dim;
                let score = |k: &Vec<f64>| -> f64 {
                    let dot: f64 = q.iter().zip(&k[at..]).map(|(a, b)| a * b).sum();
                    (dot / (c.head_dim as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = cache.0.iter().map(score).collect();
                let total: f64 = scores.iter().sum();
                out.extend((0..c.head_dim).map(|i| -> f64 {
                    let values = scores.iter().zip(&cache.1);
                    values.map(|(s, v)| s / total * v[at + i]).sum()
                }));
            }
            let o = times(block(BlockPart::O), &out);
            x.iter_mut().zip(o).for_each(|(x, o)| *x += o);
            let h = norm(block(BlockPart::MlpNorm), &x);
            let gate = times(block(BlockPart::Gate), &h);
            let up = times(block(BlockPart::Up), &h);
            let hidden = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u);
            let down = times(block(BlockPart::Down), &hidden.collect::<Vec<_>>());
            x.iter_mut().zip(down).for_each(|(x, d)| *x += d);
        }
        logits.push(times(Part::Head, &norm(Part::FinalNorm, &x)));
    }
    logits
}

#[test]
fn equals_the_plain_model() {
    for tied in [false, true] {
        let config = LlamaConfig {
            tied,
            ..tiny_config()
        };
        let model = FloatLlama::random(config, 11).unwrap();
        let run = FloatRun::new(&model).unwrap();
        let tokens = [1, 5, 0, 10, 7, 7, 3];
        let logits = run.logits(&tokens).unwrap();
        let expected = plain(&model, &tokens);
        assert_eq!(logits.len(), tokens.len());
        for (found, expected) in logits.iter().flatten().zip(expected.iter().flatten()) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-4,
                "{found} {expected}"
            );
        }
        // Later tokens change nothing, to the bit.
        assert_eq!(run.logits(&tokens[..3]).unwrap(), logits[..3]);
        let next = run.greedy(&tokens, 3).unwrap();
        assert_eq!(next[0], argmax(&logits[6]));
        assert_eq!(next.len(), 3);
    }
}

#[test]
fn the_observer_sees_every_site_with_its_shape() {
    let model = FloatLlama::random(tiny_config(), 12).unwrap();
    let c = &model.config;
    let run = FloatRun::new(&model).unwrap();
    let tokens = [3, 1, 4, 1, 5];
    let n = tokens.len();
    let mut seen: BTreeMap<Site, Vec<f32>> = BTreeMap::new();
    let logits = run
        .observe(&tokens, &mut |id, values| {
            let Some(site) = run.site(id) else {
                return;
            };
            assert!(
                seen.insert(site, values.to_vec()).is_none(),
                "{site:?} twice"
            );
        })
        .unwrap();
    assert_eq!(seen.len(), 3 + 15 * c.layers);
    let shapes = [
        (Site::Embedding, n * c.dim),
        (Site::QRot(1), n * c.q_dim()),
        (Site::K(0), n * c.kv_dim()),
        (Site::Scores(1), c.heads * n * n),
        (Site::Out(0), n * c.q_dim()),
        (Site::Hidden(1), n * c.hidden),
        (Site::FinalNorm, n * c.dim),
    ];
    for (site, size) in shapes {
        assert_eq!(seen[&site].len(), size, "{site:?}");
    }
    assert_eq!(seen[&Site::Logits], logits.concat());
    // A norm is seen before its scale: its mean square is one.
    for row in seen[&Site::MlpNorm(1)].chunks(c.dim) {
        let mean = row.iter().map(|v| v * v).sum::<f32>() / c.dim as f32;
        assert!((mean - 1.0).abs() < 1e-2, "{mean}");
    }
    // Scores are of rotated queries and keys, later positions too.
    let (q, k) = (&seen[&Site::QRot(0)], &seen[&Site::KRot(0)]);
    let (head, t, s) = (3, 1, 4);
    let dot: f32 = (0..c.head_dim)
        .map(|i| q[t * c.q_dim() + head * c.head_dim + i] * k[s * c.kv_dim() + c.head_dim + i])
        .sum();
    let score = seen[&Site::Scores(0)][(t * c.heads + head) * n + s];
    assert!((score - dot / 2.0).abs() < 1e-5);
}

#[test]
fn tokens_are_checked() {
    let model = FloatLlama::random(tiny_config(), 13).unwrap();
    let run = FloatRun::new(&model).unwrap();
    for tokens in [vec![], vec![0; 33], vec![0, 11], vec![u32::MAX]] {
        assert!(matches!(run.logits(&tokens), Err(LlmError::Tokens { .. })));
    }
    assert!(run.greedy(&[0; 31], 4).is_err());
}

#[test]
fn texts_grow_as_whole_texts_are_run() {
    let config = LlamaConfig {
        dim: 24,
        hidden: 40,
        head_dim: 6,
        vocab: 50,
        max_tokens: 12,
        ..tiny_config()
    };
    let model = FloatLlama::random(config, 3).unwrap();
    let run = FloatRun::new(&model).unwrap();
    let mut seen = vec![vec![]; 3];
    let choose = |text: usize, logits: &[f32]| {
        seen[text].push(logits.to_vec());
        argmax(logits)
    };
    let texts = run.grow(&[4, 9, 4], 12, choose).unwrap();
    for (text, seen) in texts.iter().zip(&seen) {
        assert_eq!(text.len(), 12);
        assert_eq!(run.logits(&text[..11]).unwrap(), *seen, "to the bit");
        assert_eq!(run.greedy(&text[..1], 11).unwrap(), text[1..]);
        assert_eq!(run.greedy(&text[..5], 7).unwrap(), text[5..]);
    }
    assert!(run.grow(&[4], 13, |_, _| 0).is_err());
    assert!(run.grow(&[50], 2, |_, _| 0).is_err());
}

/// Texts that go through the model together give what each gives alone, to the bit.
#[test]
fn texts_together_are_texts_alone() {
    let model = FloatLlama::random(tiny_config(), 14).unwrap();
    let run = FloatRun::new(&model).unwrap();
    let texts: [&[u32]; 3] = [&[1, 5, 0], &[7], &[3, 3, 9, 10, 2]];
    let mut together: BTreeMap<usize, Vec<Vec<f32>>> = BTreeMap::new();
    let mut logits = vec![vec![]; 3];
    let observer = &mut |id, values: &[f32]| {
        together.entry(id).or_default().push(values.to_vec());
    };
    run.run(&texts, observer, &mut |text, all| logits[text] = all)
        .unwrap();
    for (index, text) in texts.into_iter().enumerate() {
        let alone = run
            .observe(text, &mut |id, values| {
                assert_eq!(together[&id][index], values, "value {id}");
            })
            .unwrap();
        assert_eq!(alone.concat(), logits[index]);
    }
}
