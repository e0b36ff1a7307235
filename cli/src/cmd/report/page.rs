//! A page of sections, charts and tables, and its HTML.

use std::borrow::Cow;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, State, UndefinedBehavior, Value, escape_formatter};
use serde::Serialize;

use super::chart::Chart;
use crate::printable::printable;

/// The template; everything put into it is escaped.
const TEMPLATE: &str = include_str!("page.html");

/// A report.
#[derive(Debug, Default, Serialize)]
pub struct Page {
    /// Heading.
    pub title: String,
    /// What has to be known before anything else.
    pub banner: Banner,
    /// Versions, machine and command, by name.
    pub facts: Vec<[String; 2]>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// A verdict.
#[derive(Debug, Default, Serialize)]
pub struct Banner {
    /// Whether it is a warning.
    pub warning: bool,
    /// In a word or two.
    pub verdict: String,
    /// In a sentence.
    pub text: String,
}

/// One section.
#[derive(Debug, Default, Serialize)]
pub struct Section {
    /// Its anchor.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// Sentences before everything else.
    pub notes: Vec<String>,
    /// Points, after the notes.
    pub points: Vec<String>,
    /// Charts, each with its table.
    pub figures: Vec<Figure>,
}

/// A table, and the chart of it where there is one.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Drawn from the table's numbers.
    pub chart: Option<Chart>,
    /// The numbers.
    pub table: Table,
}

/// A table.
#[derive(Debug, Default, Serialize)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Names of the columns; the first one names rows.
    pub columns: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: vec![],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Without a chart.
    pub fn alone(self) -> Figure {
        Figure {
            chart: None,
            table: self,
        }
    }

    /// With its chart.
    pub fn with(self, chart: Chart) -> Figure {
        Figure {
            chart: Some(chart),
            table: self,
        }
    }
}

impl Page {
    /// The HTML.
    ///
    /// # Errors
    /// None in practice: the template is in this binary.
    pub fn render(&self) -> eyre::Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(format);
        environment.add_template("page.html", TEMPLATE)?;
        Ok(environment.get_template("page.html")?.render(Serde(self))?)
    }

    /// Titles of the sections.
    pub fn titles(&self) -> Vec<String> {
        self.sections.iter().map(|s| s.title.clone()).collect()
    }
}

/// Text of others reads as it is written, whatever marks of direction and invisible characters are in it.
fn format(
    out: &mut minijinja::Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    match value.as_str().map(printable) {
        Some(Cow::Owned(text)) => escape_formatter(out, state, &Value::from(text)),
        _ => escape_formatter(out, state, value),
    }
}
