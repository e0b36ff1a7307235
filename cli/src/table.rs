//! Tables for people.

use comfy_table::{Table, presets};

/// A table with a header, plain enough for logs.
pub fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.to_vec());
    table
}
