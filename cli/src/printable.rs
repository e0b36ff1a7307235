//! Foreign text as it may be printed: a terminal acts on none of it.
//!
//! Names in records, a node's messages, a contract's reasons and the names of a model's nodes are written by others.
//! Control characters move the cursor, clear the screen or fill the clipboard, and characters of direction and of no
//! width make a line read otherwise than it is; they are shown as `\u{1b}` instead.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal or a reader's eye would be misled: controls (C0, DEL, C1), line separators, marks of direction,
/// characters of no width, and tags. The two joiners stay: words of several scripts are spelled with them.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of others on one line, with what a terminal acts on escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same where lines are ours: line feeds and tabs stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// JSON, in whose strings the same characters become `\u001b`; the value is the same.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    // Outside strings JSON has no such character but white space, and its writer escapes C0 in strings.
    if !json.chars().any(|c| misleads(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if misleads(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn escaped(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let escape = |c: char| misleads(c) && !stays(c);
    if !text.chars().any(escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if escape(c) => out.extend(c.escape_default()),
            c if escape(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_a_terminal_acts_on_is_left() {
        for code in 0..=0x10_ffff {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            let text = format!("a{c}b");
            let shown = printable(&text);
            assert!(!shown.chars().any(misleads), "{code:#x}");
            // Whatever is not misleading stays as it is.
            assert_eq!(shown == text, !misleads(c), "{code:#x}");
        }
        assert_eq!(
            printable("\u{1b}[2Jx\u{9b}1m\n\t\r\u{7f}"),
            r"\u{1b}[2Jx\u{9b}1m\n\t\r\u{7f}"
        );
        assert_eq!(printable("\u{202e}evil\u{200b}"), r"\u{202e}evil\u{200b}");
        assert_eq!(printable("größer 漢字 🦀"), "größer 漢字 🦀");
        assert_eq!(
            printable_lines("a\tb\n\u{1b}]52;c;x\u{7}"),
            "a\tb\n\\u{1b}]52;c;x\\u{7}"
        );
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"na\u{9b}me": "a\u{1b}[2J\u{9b}\u{202e}\u{7f}\u{e0041}é\n"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_json(&text);
        assert!(!shown.chars().any(|c| misleads(c) && c != '\n'), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }
}
