//! Tokenizers from GGUF metadata: byte-level BPE (`gpt2`) and SentencePiece (`llama`).
//!
//! Keys: `docs/gguf.md` of ggml-org/ggml. How text is split before BPE follows from `tokenizer.ggml.pre`;
//! the expressions are those of the models' own `tokenizer.json`. What is put around a text follows llama.cpp
//! (`src/llama-vocab.cpp`): `tokenizer.ggml.add_bos_token` where it is there, else the kind of tokenizer.
//! SentencePiece's pieces are merged by their scores, best first, which is BPE with the merges in the order of
//! their results' scores.

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split as SplitBy, SplitPattern};
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
/// SentencePiece's first token where the file does not name one; byte-level BPE has no such default.
const SENTENCE_PIECE_BOS: u64 = 1;
/// How Llama 3 splits text.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How Mistral's Tekken splits text.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a family of byte-level tokenizers treats text, by `tokenizer.ggml.pre`.
struct Pre {
    /// Values of `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    /// How text is split before BPE.
    split: Split,
    /// Whether a piece that is a token stays one, whatever the merges say.
    whole_words: bool,
    /// Whether texts begin with the first token, where the file does not say.
    bos: bool,
}

/// Ways to split text.
#[derive(Clone, Copy)]
enum Split {
    /// As GPT-2.
    Gpt2,
    /// As GPT-2, every digit on its own.
    Digits,
    /// By an expression.
    Pattern(&'static str),
}

/// The families that are read. llama.cpp knows more: theirs split otherwise, or put more around a text.
const PRE: [Pre; 4] = [
    Pre {
        names: &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "gigachat",
            "jina-v2-es",
            "jina-v2-de",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
        ],
        split: Split::Gpt2,
        whole_words: false,
        bos: false,
    },
    Pre {
        names: &["smollm"],
        split: Split::Digits,
        whole_words: false,
        bos: false,
    },
    Pre {
        names: &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        split: Split::Pattern(LLAMA3),
        whole_words: true,
        bos: true,
    },
    Pre {
        names: &["tekken"],
        split: Split::Pattern(TEKKEN),
        whole_words: true,
        bos: true,
    },
];

impl Pre {
    /// The family that a file names.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] for others: another split would be another text.
    fn of(gguf: &Gguf<'_>) -> Result<&'static Self, LlmError> {
        let found = gguf.string("tokenizer.ggml.pre")?;
        let family = PRE
            .iter()
            .find(|p| found.is_some_and(|f| p.names.contains(&f)));
        family.ok_or_else(|| {
            let known: Vec<_> = PRE.iter().flat_map(|p| p.names).copied().collect();
            fail(format!(
                "tokenizer.ggml.pre is {:?}, expected one of {}; give token ids instead of text",
                found.unwrap_or("missing"),
                known.join(", ")
            ))
        })
    }

    fn splits(&self) -> Result<Vec<PreTokenizerWrapper>, LlmError> {
        let bytes = |regex| PreTokenizerWrapper::from(ByteLevel::new(false, true, regex));
        Ok(match self.split {
            Split::Gpt2 => vec![bytes(true)],
            Split::Digits => vec![Digits::new(true).into(), bytes(true)],
            Split::Pattern(pattern) => {
                let pattern = SplitPattern::Regex(pattern.into());
                let split = SplitBy::new(pattern, SplitDelimiterBehavior::Isolated, false);
                vec![split.map_err(fail)?.into(), bytes(false)]
            }
        })
    }
}

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
    let (mut inner, prefers_bos, default_bos) = match gguf.string("tokenizer.ggml.model")? {
        Some("gpt2") => {
            let pre = Pre::of(&gguf)?;
            (byte_level(&gguf, pre, vocab)?, pre.bos, None)
        }
        Some("llama") => {
            let inner = sentence_piece(&gguf, &tokens, &types, vocab)?;
            (inner, true, Some(SENTENCE_PIECE_BOS))
        }
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
    let first = first(&gguf, tokens.len(), prefers_bos, default_bos)?;
    Ok(Tokenizer::new(inner, first))
}

/// The token that every text begins with.
///
/// # Errors
/// [`LlmError::Tokenizer`] if the file wants one and does not say which, or wants tokens behind the text, which
/// a prompt to be continued cannot have.
fn first(
    gguf: &Gguf<'_>,
    vocab: usize,
    prefers: bool,
    default: Option<u64>,
) -> Result<Option<u32>, LlmError> {
    for key in [
        "tokenizer.ggml.add_eos_token",
        "tokenizer.ggml.add_sep_token",
    ] {
        if gguf.flag(key)? == Some(true) {
            return Err(fail(format!(
                "{key} is set: a token is put behind every text, expected none behind a prompt; give token ids instead of text"
            )));
        }
    }
    if !gguf
        .flag("tokenizer.ggml.add_bos_token")?
        .unwrap_or(prefers)
    {
        return Ok(None);
    }
    let id = gguf.unsigned("tokenizer.ggml.bos_token_id")?.or(default);
    match id.and_then(|id| u32::try_from(id).ok()) {
        Some(id) if (id as usize) < vocab => Ok(Some(id)),
        _ => Err(fail(format!(
            "texts begin with tokenizer.ggml.bos_token_id, which is {}, expected an id below {vocab}; give token ids instead of text",
            id.map_or_else(|| "missing".into(), |id| id.to_string())
        ))),
    }
}

fn byte_level(gguf: &Gguf<'_>, pre: &Pre, vocab: Vocab) -> Result<Inner, LlmError> {
    let mut merges = Merges::new();
    for merge in strings(gguf, "tokenizer.ggml.merges")? {
        // Tokens spell a space as another character.
        let pair = merge.split_once(' ');
        check_merge(pair, |token| vocab.contains_key(token))?;
        merges.extend(pair.map(|(left, right)| (left.to_owned(), right.to_owned())));
    }
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .ignore_merges(pre.whole_words)
        .build()
        .map_err(fail)?;
    let mut inner = Inner::new(model);
    inner.with_pre_tokenizer(Some(Sequence::new(pre.splits()?)));
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
