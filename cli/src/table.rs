//! Tables for people.

use comfy_table::{Table, presets};

/// A name that others gave, as a cell: what a terminal acts on, or what turns the direction of text, as an escape.
pub fn name(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => out.extend(c.escape_debug()),
            false => out.push(c),
        }
    }
    out
}

/// A table with a header, plain enough for logs.
pub fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.to_vec());
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_do_not_reach_the_terminal_as_commands() {
        let shown = super::name("a\nb\u{1b}[31mred\u{9b}2J\u{7f}\u{202e}é \"x\"");
        assert_eq!(shown, "a\\nb\\u{1b}[31mred\\u{9b}2J\\u{7f}\\u{202e}é \"x\"");
    }
}
