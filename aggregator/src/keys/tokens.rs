//! How an [`OutputFormat`] holds what its values are and what stands before them: formats that there were before prompts
//! could be public, ids long, values wide and statements bound are written as they were then, as a flag.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Form, Lead, OutputFormat, TokenFormat};

/// The fields of an [`OutputFormat`] as they are stored.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    values: u32,
    width: u32,
    scale: i8,
    #[serde(
        default,
        rename = "tokens",
        serialize_with = "serialize",
        deserialize_with = "deserialize"
    )]
    body: Body,
}

/// What values are, and what stands before them.
type Body = (Form, Lead);

impl From<OutputFormat> for Stored {
    fn from(format: OutputFormat) -> Self {
        Self {
            values: format.values,
            width: format.width,
            scale: format.scale,
            body: (format.form, format.lead),
        }
    }
}

impl From<Stored> for OutputFormat {
    fn from(stored: Stored) -> Self {
        let (form, lead) = stored.body;
        Self {
            values: stored.values,
            width: stored.width,
            scale: stored.scale,
            form,
            lead,
        }
    }
}

/// In binary files.
#[derive(Serialize, Deserialize)]
enum Binary {
    No,
    Plain,
    Full(TokenFormat),
    Wide,
    Bound(BinaryForm, Lead),
}

/// A form in binary files.
#[derive(Serialize, Deserialize)]
enum BinaryForm {
    No,
    Plain,
    Full(TokenFormat),
    Wide,
}

/// In JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Bound { form: TextForm, lead: Lead },
    Form(TextForm),
}

/// A form in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TextForm {
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

impl From<Form> for TextForm {
    fn from(form: Form) -> Self {
        let plain = Form::Tokens(TokenFormat::default());
        match form {
            Form::Wide => Self::Named(Named::Wide),
            Form::Tokens(full) if form != plain => Self::Full(full),
            _ => Self::Flag(form == plain),
        }
    }
}

impl From<TextForm> for Form {
    fn from(form: TextForm) -> Self {
        match form {
            TextForm::Flag(true) => Self::Tokens(TokenFormat::default()),
            TextForm::Flag(false) => Self::Short,
            TextForm::Full(full) => Self::Tokens(full),
            TextForm::Named(Named::Wide) => Self::Wide,
        }
    }
}

impl From<Form> for BinaryForm {
    fn from(form: Form) -> Self {
        let plain = Form::Tokens(TokenFormat::default());
        match form {
            Form::Short => Self::No,
            Form::Wide => Self::Wide,
            Form::Tokens(_) if form == plain => Self::Plain,
            Form::Tokens(full) => Self::Full(full),
        }
    }
}

impl From<BinaryForm> for Form {
    fn from(form: BinaryForm) -> Self {
        match form {
            BinaryForm::No => Self::Short,
            BinaryForm::Wide => Self::Wide,
            BinaryForm::Plain => Self::Tokens(TokenFormat::default()),
            BinaryForm::Full(full) => Self::Tokens(full),
        }
    }
}

impl From<Body> for Binary {
    fn from((form, lead): Body) -> Self {
        match form.into() {
            form if lead != Lead::default() => Self::Bound(form, lead),
            BinaryForm::No => Self::No,
            BinaryForm::Plain => Self::Plain,
            BinaryForm::Full(full) => Self::Full(full),
            BinaryForm::Wide => Self::Wide,
        }
    }
}

impl From<Binary> for Body {
    fn from(binary: Binary) -> Self {
        let (form, lead) = match binary {
            Binary::No => (BinaryForm::No, Lead::default()),
            Binary::Plain => (BinaryForm::Plain, Lead::default()),
            Binary::Full(full) => (BinaryForm::Full(full), Lead::default()),
            Binary::Wide => (BinaryForm::Wide, Lead::default()),
            Binary::Bound(form, lead) => (form, lead),
        };
        (form.into(), lead)
    }
}

fn serialize<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return Binary::from(body.clone()).serialize(serializer);
    }
    let (form, lead) = body.clone();
    let form = TextForm::from(form);
    match lead == Lead::default() {
        true => Text::Form(form).serialize(serializer),
        false => Text::Bound { form, lead }.serialize(serializer),
    }
}

fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
    if !deserializer.is_human_readable() {
        return Ok(Binary::deserialize(deserializer)?.into());
    }
    Ok(match Text::deserialize(deserializer)? {
        Text::Form(form) => (form.into(), Lead::default()),
        Text::Bound { form, lead } => (form.into(), lead),
    })
}

#[cfg(test)]
mod tests {
    use laminate_model::binding::{Binding, PublicInput};
    use laminate_model::statement::Packing;

    use super::super::InputForm;
    use super::*;

    fn format(form: Form, lead: Lead) -> OutputFormat {
        OutputFormat {
            values: 2,
            width: 1,
            scale: 14,
            form,
            lead,
        }
    }

    fn forms() -> [(Form, &'static str); 4] {
        let full = TokenFormat {
            prompt: 3,
            packing: Packing::Long,
        };
        [
            (Form::Short, "false"),
            (Form::Tokens(TokenFormat::default()), "true"),
            (Form::Tokens(full), r#"{"prompt":3,"packing":"long"}"#),
            (Form::Wide, r#""wide""#),
        ]
    }

    #[test]
    fn plain_formats_are_flags_in_json() {
        for (form, expected) in forms() {
            let format = format(form, Lead::default());
            let text = serde_json::to_string(&format).unwrap();
            let whole = format!(r#"{{"values":2,"width":1,"scale":14,"tokens":{expected}}}"#);
            assert_eq!(text, whole);
            let read: OutputFormat = serde_json::from_str(&text).unwrap();
            assert_eq!(read, format);
        }
    }

    #[test]
    fn formats_behind_a_binding_are_read_back_and_others_are_as_before() {
        let input = InputForm {
            values: 29,
            width: 29,
            scale: 7,
            packing: Packing::Short,
            keys: false,
        };
        let binding = Binding {
            context: true,
            input: PublicInput::All,
            credential: Some(20),
            ..Binding::NONE
        };
        let lead = Lead {
            binding,
            input: Some(input),
        };
        for (at, (form, _)) in forms().into_iter().enumerate() {
            let plain = postcard::to_stdvec(&format(form, Lead::default())).unwrap();
            // Values, width, scale, then the variant that there was.
            assert_eq!((&plain[..3], plain[3]), (&[2, 1, 14][..], at as u8));
            let bound = format(form, lead.clone());
            assert_eq!((bound.lead.words(), bound.words()), (6, 7));
            let bytes = postcard::to_stdvec(&bound).unwrap();
            assert_eq!(bytes[3], 4);
            assert_eq!(postcard::from_bytes::<OutputFormat>(&bytes).unwrap(), bound);
            let text = serde_json::to_string(&bound).unwrap();
            assert_eq!(serde_json::from_str::<OutputFormat>(&text).unwrap(), bound);
        }
    }
}
