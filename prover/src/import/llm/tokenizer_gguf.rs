//! Tokenizers from GGUF metadata: byte-level BPE (`gpt2`) and SentencePiece (`llama`).
//!
//! Keys: `docs/gguf.md` of ggml-org/ggml. How text is split before BPE follows from `tokenizer.ggml.pre`;
//! the expressions are those of the models' own `tokenizer.json`. SentencePiece's pieces are merged by
//! their scores, best first, which is BPE with the merges in the order of their results' scores.

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer as Inner,
};

use super::config::MAX_VOCAB;
use super::error::LlmError;
use super::gguf::{Gguf, Value};
use super::mapped::FileBytes;
use super::tokenizer::{Tokenizer, check_merge, fail};

/// Token types of `tokenizer.ggml.token_type`.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
/// Longest piece whose splits are tried as merges; real pieces are below 200 bytes.
const MAX_PIECE: usize = 1 << 10;
/// SentencePiece's mark of a space.
const SPACE: &str = "\u{2581}";
/// How Llama 3 splits text.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Builds the tokenizer of a GGUF file.
pub(super) fn build(file: &FileBytes) -> Result<Tokenizer, LlmError> {
    let gguf = Gguf::read(file)?;
    let tokens = strings(&gguf, "tokenizer.ggml.tokens")?;
    if tokens.len() > MAX_VOCAB {
        return Err(fail(format!(
            "has {} tokens, at most {MAX_VOCAB} are accepted",
            tokens.len()
        )));
    }
    let vocab: Vocab = tokens.iter().cloned().zip(0..).collect();
    if vocab.len() != tokens.len() {
        return Err(fail(format!(
            "has {} tokens, of which {} differ: the vocabulary is damaged",
            tokens.len(),
            vocab.len()
        )));
    }
    let types = types(&gguf)?;
    let (mut inner, prefers_bos) = match gguf.string("tokenizer.ggml.model")? {
        Some("gpt2") => (byte_level(&gguf, vocab)?, false),
        Some("llama") => (sentence_piece(&gguf, &tokens, &types, vocab)?, true),
        other => {
            return Err(fail(format!(
                "tokenizer.ggml.model is {:?}, expected \"gpt2\" or \"llama\"; give token ids instead of text",
                other.unwrap_or("missing")
            )));
        }
    };
    let of_type = |wanted: &[u64], special| -> Vec<AddedToken> {
        let tokens = tokens.iter().zip(&types);
        let tokens = tokens.filter(|(token, kind)| wanted.contains(kind) && !token.is_empty());
        tokens
            .map(|(token, _)| AddedToken::from(token.as_str(), special).normalized(false))
            .collect()
    };
    inner
        .add_special_tokens(of_type(&[UNKNOWN, CONTROL], true))
        .map_err(fail)?;
    inner
        .add_tokens(of_type(&[USER_DEFINED], false))
        .map_err(fail)?;
    let bos = gguf
        .flag("tokenizer.ggml.add_bos_token")?
        .unwrap_or(prefers_bos);
    let first = match gguf.unsigned("tokenizer.ggml.bos_token_id")? {
        Some(id) if bos => Some(u32::try_from(id).map_err(fail)?),
        _ => None,
    };
    Ok(Tokenizer::new(inner, first))
}

fn byte_level(gguf: &Gguf<'_>, vocab: Vocab) -> Result<Inner, LlmError> {
    let pre = gguf.string("tokenizer.ggml.pre")?;
    let bytes = |regex| PreTokenizerWrapper::from(ByteLevel::new(false, true, regex));
    let (splits, whole_words) = match pre {
        Some("gpt-2") => (vec![bytes(true)], false),
        Some("smollm") => (vec![Digits::new(true).into(), bytes(true)], false),
        Some("llama-bpe") => {
            let pattern = SplitPattern::Regex(LLAMA3.into());
            let split =
                Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(fail)?;
            (vec![split.into(), bytes(false)], true)
        }
        other => {
            return Err(fail(format!(
                "tokenizer.ggml.pre is {:?}, expected \"gpt-2\", \"smollm\" or \"llama-bpe\"; give token ids instead of text",
                other.unwrap_or("missing")
            )));
        }
    };
    let mut merges = Merges::new();
    for merge in strings(gguf, "tokenizer.ggml.merges")? {
        // Tokens spell a space as another character.
        let pair = merge.split_once(' ');
        check_merge(pair, |token| vocab.contains_key(token))?;
        merges.extend(pair.map(|(left, right)| (left.to_owned(), right.to_owned())));
    }
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .ignore_merges(whole_words)
        .build()
        .map_err(fail)?;
    let mut inner = Inner::new(model);
    inner.with_pre_tokenizer(Some(Sequence::new(splits)));
    inner.with_decoder(Some(ByteLevel::new(false, true, true)));
    Ok(inner)
}

fn sentence_piece(
    gguf: &Gguf<'_>,
    tokens: &[String],
    types: &[u64],
    vocab: Vocab,
) -> Result<Inner, LlmError> {
    let scores = floats(gguf, "tokenizer.ggml.scores")?;
    let mut merges = Vec::new();
    for (token, score) in tokens
        .iter()
        .zip(&scores)
        .filter(|(t, _)| t.len() <= MAX_PIECE)
    {
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(l), Some(r)) = (vocab.get(left), vocab.get(right)) {
                merges.push((*score, *l, *r, (left.to_owned(), right.to_owned())));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let unknown = types.iter().position(|&kind| kind == UNKNOWN);
    let mut builder = BPE::builder()
        .vocab_and_merges(vocab, merges.into_iter().map(|m| m.3).collect::<Merges>())
        .fuse_unk(true)
        .byte_fallback(true);
    if let Some(unknown) = unknown.and_then(|id| tokens.get(id)) {
        builder = builder.unk_token(unknown.clone());
    }
    let mut inner = Inner::new(builder.build().map_err(fail)?);
    let prefix = gguf
        .flag("tokenizer.ggml.add_space_prefix")?
        .unwrap_or(true);
    let mut normalizers: Vec<NormalizerWrapper> = Vec::new();
    if prefix {
        normalizers.push(Prepend::new(SPACE.into()).into());
    }
    normalizers.push(Replace::new(" ", SPACE).map_err(fail)?.into());
    inner
        .with_normalizer(Some(Normalizers::new(normalizers)))
        .map_err(fail)?;
    let mut decoders: Vec<DecoderWrapper> = vec![
        Replace::new(SPACE, " ").map_err(fail)?.into(),
        ByteFallback::new().into(),
        Fuse::new().into(),
    ];
    if prefix {
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    inner.with_decoder(Some(Decoders::new(decoders)));
    Ok(inner)
}

fn strings(gguf: &Gguf<'_>, key: &str) -> Result<Vec<String>, LlmError> {
    let Some(array) = gguf.array(key)? else {
        return Err(fail(format!("metadata key {key:?} is missing")));
    };
    let text = |value| match value {
        Value::String(bytes) => String::from_utf8(bytes.to_vec()).map_err(fail),
        _ => Err(fail(format!(
            "metadata key {key:?} has other elements than strings"
        ))),
    };
    array.iter().map(text).collect()
}

fn floats(gguf: &Gguf<'_>, key: &str) -> Result<Vec<f64>, LlmError> {
    let Some(array) = gguf.array(key)? else {
        return Err(fail(format!("metadata key {key:?} is missing")));
    };
    let number = |value| match value {
        Value::Float(value) => Ok(value),
        _ => Err(fail(format!(
            "metadata key {key:?} has other elements than floats"
        ))),
    };
    array.iter().map(number).collect()
}

/// The type of every token; all are plain where the file does not say.
fn types(gguf: &Gguf<'_>) -> Result<Vec<u64>, LlmError> {
    let array = gguf.array("tokenizer.ggml.token_type")?;
    let kind = |value| match value {
        Value::Unsigned(kind) => kind,
        Value::Signed(kind) => kind.unsigned_abs(),
        _ => 1,
    };
    Ok(array
        .into_iter()
        .flat_map(|a| a.iter().map(kind))
        .chain(std::iter::repeat_n(1, MAX_VOCAB))
        .take(MAX_VOCAB)
        .collect())
}
