//! Language models on the command line: files of tokens and texts, and calibration sampled from the model.

use std::path::Path;

use eyre::{Context, ensure, eyre};
use laminate_front::llama::{FloatLlama, FloatRun, LlmError, Tokenizer};
use laminate_model::program::{Program, Sequence};
use laminate_prover::exec::Trace;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::files::{ModelDir, read_bytes};
use crate::reading::{Reading, token};

/// Seed of sampled calibration texts.
const SEED: u64 = 0x1a41;
/// Tokens of all sampled calibration texts together.
const SAMPLED: usize = 1024;
/// Tokens of texts sampled for the fidelity report.
const COMPARED: usize = 512;
/// Longest calibration text.
const LONGEST: usize = 64;
/// The token that llama2.c begins every text with.
const FIRST: u32 = 1;

/// The input of a proof, as `generate` writes it and `prove` reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// The prompt, then what the model generated but the last token.
    pub tokens: Vec<u32>,
}

/// A file of token sequences: a list of lists, one list, or an input of a proof.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sequences {
    Many(Vec<Vec<u32>>),
    One(Vec<u32>),
    Input(TokenInput),
}

/// Texts for a compilation.
pub struct Texts {
    /// What the model is quantised with.
    pub calibration: Vec<Vec<u32>>,
    /// What it is compared with the float model on.
    pub fidelity: Vec<Vec<u32>>,
    /// What to call the first.
    pub source: String,
}

/// Whether a path is of a language model rather than of an ONNX graph.
pub fn is_llm(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    path.is_dir() || matches!(extension, Some("bin" | "gguf" | "safetensors"))
}

/// The tokens of a proof's input.
///
/// # Errors
/// A file of another form, or another number of tokens than the program's.
pub fn read_input(path: &Path, sequence: &Sequence) -> eyre::Result<Vec<u32>> {
    let place = path.display();
    let input: TokenInput = serde_json::from_slice(&read_bytes(path)?).map_err(|error| {
        eyre!("{place} is not an input of a language model ({error}); expected {{\"tokens\": [1, 2, …]}}, as `laminate generate DIR -o FILE` writes it")
    })?;
    let (found, expected) = (input.tokens.len(), sequence.tokens as usize);
    ensure!(
        found == expected,
        "{place} has {found} tokens, the program takes {expected}: {} of the prompt, then the generated ones but the last; make it with `laminate generate DIR -o FILE`",
        sequence.prompt
    );
    Ok(input.tokens)
}

/// Token sequences from a file: JSON lists of ids, or a text for the tokenizer, cut into `length` tokens.
///
/// # Errors
/// A text without tokenizer, JSON of another form, or nothing in it.
pub fn read_sequences(
    path: &Path,
    tokenizer: Option<&Tokenizer>,
    length: usize,
) -> eyre::Result<Vec<Vec<u32>>> {
    let place = path.display();
    let bytes = read_bytes(path)?;
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let sequences = if is_json {
        match serde_json::from_slice(&bytes) {
            Ok(Sequences::Many(all)) => all,
            Ok(Sequences::One(one) | Sequences::Input(TokenInput { tokens: one })) => vec![one],
            Err(_) => {
                return Err(eyre!(
                    "{place} is not JSON of tokens; expected lists of ids, [[1, 2, …], …]"
                ));
            }
        }
    } else {
        let tokenizer = tokenizer.ok_or_else(|| {
            eyre!("{place} is a text, but the model came without a tokenizer; give one with --tokenizer tokenizer.json, or token ids in a .json file")
        })?;
        let text = String::from_utf8(bytes).wrap_err_with(|| format!("{place} is not UTF-8"))?;
        let ids = tokenizer.encode(&text)?;
        ids.chunks(length.max(1)).map(<[u32]>::to_vec).collect()
    };
    ensure!(
        sequences.iter().any(|s| !s.is_empty()),
        "{place} has no tokens; expected at least one"
    );
    Ok(sequences)
}

/// Texts sampled from the model itself, at temperature one with a fixed seed: every second one begins with
/// the model's first token, the others with any.
///
/// # Errors
/// If the model cannot be run.
pub fn sample(
    model: &FloatLlama,
    tokenizer: Option<&Tokenizer>,
    length: usize,
) -> Result<Texts, LlmError> {
    let run = FloatRun::new(model)?;
    let vocab = model.config.vocab as u32;
    let first = tokenizer.and_then(|t| t.encode("").ok()?.first().copied());
    let first = first.unwrap_or(FIRST).min(vocab - 1);
    let mut rng = StdRng::seed_from_u64(SEED);
    let count = |tokens: usize| (tokens / length.max(1)).max(2);
    let starts: Vec<u32> = (0..count(SAMPLED) + count(COMPARED))
        .map(|index| match (index % 2, rng.gen_range(0..vocab)) {
            (0, _) => first,
            (_, any) => any,
        })
        .collect();
    let mut calibration = run.grow(&starts, length, |_, logits| {
        draw(logits, rng.gen_range(0.0..1.0))
    })?;
    let fidelity = calibration.split_off(count(SAMPLED));
    Ok(Texts {
        source: format!(
            "{} texts of {length} tokens sampled from the model",
            calibration.len()
        ),
        calibration,
        fidelity,
    })
}

/// Calibration texts from a file, which serve for the comparison, too; else sampled from the model.
///
/// # Errors
/// See [`read_sequences`] and [`sample`].
pub fn calibration(
    path: Option<&Path>,
    model: &FloatLlama,
    tokenizer: Option<&Tokenizer>,
    tokens: usize,
) -> eyre::Result<Texts> {
    let length = piece_length(model, tokens);
    let Some(path) = path else {
        return Ok(sample(model, tokenizer, length)?);
    };
    let texts = read_sequences(path, tokenizer, length)?;
    Ok(Texts {
        fidelity: texts.clone(),
        calibration: texts,
        source: path.display().to_string(),
    })
}

/// How long a text is that a program of `tokens` tokens is calibrated with: as long as what it runs on, up to
/// [`LONGEST`], so that calibration sees the token 0 in the slots beyond, too.
pub fn piece_length(model: &FloatLlama, tokens: usize) -> usize {
    LONGEST.min(tokens).min(model.config.max_tokens).max(1)
}

/// The token at quantile `at` of `softmax(logits)`.
fn draw(logits: &[f32], at: f64) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = || logits.iter().map(|l| f64::from(l - largest).exp());
    let mut left = at * weights().sum::<f64>();
    for (id, weight) in weights().enumerate() {
        left -= weight;
        if left < 0.0 {
            return id as u32;
        }
    }
    logits.len().saturating_sub(1) as u32
}

/// Checks that the tokens behind the prompt are those the model chose; a proof of others cannot be made.
///
/// # Errors
/// The first token that differs.
pub fn check_generated(program: &Program, trace: &Trace, tokens: &[u32]) -> eyre::Result<()> {
    let sequence = program.sequence.ok_or_else(|| eyre!("not over tokens"))?;
    let chosen: Vec<i32> = trace.outputs(program).into_iter().flatten().collect();
    check_choices(&sequence, &chosen, tokens)
}

/// [`check_generated`] with the choices of every slot at hand.
///
/// # Errors
/// The first token that differs.
pub fn check_choices(sequence: &Sequence, chosen: &[i32], tokens: &[u32]) -> eyre::Result<()> {
    let pairs = tokens.iter().skip(1).zip(chosen);
    for (position, (found, value)) in (1..).zip(pairs) {
        let expected = token(*value);
        ensure!(
            position < sequence.prompt as usize || *found == expected,
            "input token {position} is {found}, expected {expected}, which the model generates there; make the input with `laminate generate DIR -o FILE`"
        );
    }
    Ok(())
}

/// The text of public tokens, if the model folder has a tokenizer that knows them.
///
/// # Errors
/// A damaged tokenizer.
pub fn text(dir: &ModelDir, outputs: &[Reading]) -> eyre::Result<Option<String>> {
    let Some(tokens) = outputs.iter().find_map(Reading::tokens) else {
        return Ok(None);
    };
    let tokenizer = dir.tokenizer()?;
    Ok(tokenizer.and_then(|t| t.decode(&tokens).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.0f32, f32::NEG_INFINITY, 3f32.ln()];
        assert_eq!(draw(&logits, 0.0), 0);
        assert_eq!(draw(&logits, 0.24), 0);
        assert_eq!(draw(&logits, 0.26), 2);
        assert_eq!(draw(&logits, 0.999), 2);
    }

    #[test]
    fn token_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let read = |name: &str, text: &str| read_sequences(&file(name, text), None, 8);
        assert_eq!(
            read("a.json", "[[1, 2], [3]]").unwrap(),
            [vec![1, 2], vec![3]]
        );
        assert_eq!(read("a.json", "[1, 2]").unwrap(), [vec![1, 2]]);
        assert_eq!(read("a.json", "{\"tokens\": [7]}").unwrap(), [vec![7]]);
        for (name, text, expected) in [
            ("a.json", "[-1]", "lists of ids"),
            ("a.json", "[[]]", "no tokens"),
            ("a.txt", "Once", "--tokenizer"),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let sequence = Sequence::new(3, 2, 8);
        let input = |text: &str| read_input(&file("i.json", text), &sequence);
        assert_eq!(input("{\"tokens\": [1, 2, 3]}").unwrap(), [1, 2, 3]);
        let error = input("{\"tokens\": [1]}").unwrap_err().to_string();
        assert!(
            error.contains("has 1 tokens, the program takes 3"),
            "{error}"
        );
        let error = input("1,2,3").unwrap_err().to_string();
        assert!(error.contains("laminate generate"), "{error}");
    }
}
