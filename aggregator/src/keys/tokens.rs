//! How an [`super::OutputFormat`] holds its form: those that there were before prompts could be
//! public, ids long and values wide are written as they were then, as a flag.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Form, TokenFormat};

/// In binary files.
#[derive(Serialize, Deserialize)]
enum Binary {
    No,
    Plain,
    Full(TokenFormat),
    Wide,
}

/// In JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Flag(bool),
    Full(TokenFormat),
    Named(Named),
}

/// Forms of values that are no tokens and not the usual ones.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Wide,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub fn serialize<S: Serializer>(form: &Form, serializer: S) -> Result<S::Ok, S::Error> {
    let plain = Form::Tokens(TokenFormat::default());
    if serializer.is_human_readable() {
        let text = match *form {
            Form::Wide => Text::Named(Named::Wide),
            Form::Tokens(full) if *form != plain => Text::Full(full),
            _ => Text::Flag(*form == plain),
        };
        return text.serialize(serializer);
    }
    let binary = match *form {
        Form::Short => Binary::No,
        Form::Wide => Binary::Wide,
        Form::Tokens(_) if *form == plain => Binary::Plain,
        Form::Tokens(full) => Binary::Full(full),
    };
    binary.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Form, D::Error> {
    let plain = Form::Tokens(TokenFormat::default());
    if deserializer.is_human_readable() {
        return Ok(match Text::deserialize(deserializer)? {
            Text::Flag(true) => plain,
            Text::Flag(false) => Form::Short,
            Text::Full(full) => Form::Tokens(full),
            Text::Named(Named::Wide) => Form::Wide,
        });
    }
    Ok(match Binary::deserialize(deserializer)? {
        Binary::No => Form::Short,
        Binary::Wide => Form::Wide,
        Binary::Plain => plain,
        Binary::Full(full) => Form::Tokens(full),
    })
}

#[cfg(test)]
mod tests {
    use laminate_model::statement::Packing;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Form);

    #[test]
    fn plain_formats_are_flags_in_json() {
        let full = TokenFormat {
            prompt: 3,
            packing: Packing::Long,
        };
        for (form, expected) in [
            (Form::Short, "false"),
            (Form::Tokens(TokenFormat::default()), "true"),
            (Form::Tokens(full), r#"{"prompt":3,"packing":"long"}"#),
            (Form::Wide, r#""wide""#),
        ] {
            let text = serde_json::to_string(&Holder(form)).unwrap();
            assert_eq!(text, expected);
            let read: Holder = serde_json::from_str(&text).unwrap();
            assert_eq!(read, Holder(form));
        }
    }
}
