//! How an [`super::OutputFormat`] holds its tokens: formats that there were before prompts could be
//! public and ids long are written as they were then, as a flag.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TokenFormat;

/// In binary files.
#[derive(Serialize, Deserialize)]
enum Binary {
    No,
    Plain,
    Full(TokenFormat),
}

/// In JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Flag(bool),
    Full(TokenFormat),
}

pub fn serialize<S: Serializer>(
    tokens: &Option<TokenFormat>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let full = tokens.filter(|t| *t != TokenFormat::default());
    if serializer.is_human_readable() {
        let text = full.map_or(Text::Flag(tokens.is_some()), Text::Full);
        return text.serialize(serializer);
    }
    let binary = match (tokens, full) {
        (_, Some(full)) => Binary::Full(full),
        (Some(_), None) => Binary::Plain,
        (None, None) => Binary::No,
    };
    binary.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TokenFormat>, D::Error> {
    if deserializer.is_human_readable() {
        return Ok(match Text::deserialize(deserializer)? {
            Text::Flag(flag) => flag.then(TokenFormat::default),
            Text::Full(full) => Some(full),
        });
    }
    Ok(match Binary::deserialize(deserializer)? {
        Binary::No => None,
        Binary::Plain => Some(TokenFormat::default()),
        Binary::Full(full) => Some(full),
    })
}

#[cfg(test)]
mod tests {
    use laminate_model::statement::Packing;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Option<TokenFormat>);

    #[test]
    fn plain_formats_are_flags_in_json() {
        let full = TokenFormat {
            prompt: 3,
            packing: Packing::Long,
        };
        for (tokens, expected) in [
            (None, "false"),
            (Some(TokenFormat::default()), "true"),
            (Some(full), r#"{"prompt":3,"packing":"long"}"#),
        ] {
            let text = serde_json::to_string(&Holder(tokens)).unwrap();
            assert_eq!(text, expected);
            let read: Holder = serde_json::from_str(&text).unwrap();
            assert_eq!(read, Holder(tokens));
        }
    }
}
