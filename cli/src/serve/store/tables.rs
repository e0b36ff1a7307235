//! The tables, and the file that they are in.

use std::path::Path;
use std::time::Duration;

use alloy::primitives::B256;
use eyre::{WrapErr, ensure};
use rusqlite::{Connection, Row, TransactionBehavior};

use super::super::job::{Job, State};
use crate::chain::Signed;

/// "LamJ", by which SQLite's file is known to be ours.
const APPLICATION: i64 = 0x4c61_6d4a;
/// Version of the tables.
const VERSION: i64 = 1;
const TABLES: &str = "
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    idempotency TEXT,
    salt BLOB,
    digest BLOB,
    model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'proving', 'proven', 'submitting', 'submitted', 'failed', 'cancelled')),
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    input_commitment TEXT NOT NULL,
    context TEXT,
    scope TEXT,
    submit INTEGER NOT NULL,
    weight_commitment TEXT,
    output TEXT,
    proof BLOB,
    error TEXT,
    statement_hash TEXT,
    tx_hash TEXT,
    tx_nonce INTEGER,
    block INTEGER,
    already_recorded INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, idempotency)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, seq);
";

/// Columns of [`job_of`].
pub const COLUMNS: &str = "id, owner, model, state, created, updated, attempts, input_commitment, context, scope, submit, \
    weight_commitment, output, error, statement_hash, tx_hash, tx_nonce, block, already_recorded";

/// Opens the database, or makes one that its owner alone can read.
///
/// # Errors
/// A file of something else or of another version, or one that cannot be written.
pub fn open(path: &Path) -> eyre::Result<Connection> {
    let at = || format!("cannot open the job database {}", path.display());
    private_file(path).wrap_err_with(at)?;
    let mut db = Connection::open(path).wrap_err_with(at)?;
    db.busy_timeout(Duration::from_secs(5)).wrap_err_with(at)?;
    let number = |db: &Connection, pragma: &str| -> rusqlite::Result<i64> {
        db.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = db
        .query_row(tables, [], |row| row.get(0))
        .wrap_err_with(at)?;
    let found = number(&db, "application_id").wrap_err_with(at)?;
    ensure!(
        found == APPLICATION || (tables == 0 && found == 0),
        "{} is the database of another program; give --db another name",
        path.display()
    );
    // What is deleted is overwritten, and what was answered for is on the disk.
    for (pragma, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("secure_delete", "ON"),
    ] {
        db.pragma_update_and_check(None, pragma, value, |_| Ok(()))
            .or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(()),
                error => Err(error),
            })
            .wrap_err_with(at)?;
    }
    if tables == 0 {
        let making = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        making.execute_batch(TABLES).wrap_err_with(at)?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", VERSION)?;
        making.commit().wrap_err_with(at)?;
    }
    let version = number(&db, "user_version").wrap_err_with(at)?;
    ensure!(
        version == VERSION,
        "{} has jobs of version {version}, expected {VERSION}; give --db another name, or serve it with the build that made it",
        path.display()
    );
    Ok(db)
}

/// A job in a row of [`COLUMNS`].
///
/// # Errors
/// What no job has.
pub fn job_of(row: &Row<'_>) -> rusqlite::Result<Job> {
    let malformed = |column: &str| {
        rusqlite::Error::FromSqlConversionFailure(
            0,
            rusqlite::types::Type::Text,
            format!("the column {column} of a job is malformed").into(),
        )
    };
    let state: String = row.get("state")?;
    let output: Option<String> = row.get("output")?;
    let output = output.map(|text| serde_json::from_str(&text));
    let hash: Option<String> = row.get("tx_hash")?;
    let hash: Option<B256> = hash
        .map(|hash| hash.parse())
        .transpose()
        .map_err(|_| malformed("tx_hash"))?;
    let nonce: Option<i64> = row.get("tx_nonce")?;
    let nonce = nonce
        .map(u64::try_from)
        .transpose()
        .map_err(|_| malformed("tx_nonce"))?;
    Ok(Job {
        id: row.get("id")?,
        owner: row.get("owner")?,
        model: row.get("model")?,
        state: State::of(&state).ok_or_else(|| malformed("state"))?,
        created: row.get("created")?,
        updated: row.get("updated")?,
        attempts: row.get("attempts")?,
        input_commitment: row.get("input_commitment")?,
        context: row.get("context")?,
        scope: row.get("scope")?,
        submit: row.get("submit")?,
        weight_commitment: row.get("weight_commitment")?,
        output: output.transpose().map_err(|_| malformed("output"))?,
        error: row.get("error")?,
        statement_hash: row.get("statement_hash")?,
        signed: hash.zip(nonce).map(|(hash, nonce)| Signed {
            hash,
            nonce,
            contract: None,
        }),
        block: row.get("block")?,
        already_recorded: row.get("already_recorded")?,
    })
}

/// Makes the file before SQLite does, which would let others read it; SQLite gives its log the same mode.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}
