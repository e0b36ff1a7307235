//! Jobs in SQLite: every change of a state is one transaction, so that a process that is killed loses no job.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | | queued | [`Store::insert`] |
//! | queued | proving | [`Store::claim`] |
//! | proving | queued | [`Store::recover`] after the process died, [`Store::requeue`] |
//! | proving | proven | [`Store::proven`], with the proof |
//! | proven | submitting | [`Store::submitting`], before anything is signed |
//! | submitting | submitting | [`Store::sending`], before a transaction is sent; [`Store::unsent`]; [`Store::retry`] |
//! | submitting | submitted | [`Store::submitted`] |
//! | queued | cancelled | [`Store::cancel`] |
//! | any that is not done | failed | [`Store::fail`] |
//!
//! A change from a state that the job is not in is an error and changes nothing.

mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::B256;
use eyre::{WrapErr, bail, ensure};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use self::tables::{COLUMNS, job_of};
use super::job::{Job, NewJob, Proven, State, now};
use crate::chain::Signed;

/// How often a job is begun: one that ends the process each time must not do so for ever.
pub const MAX_ATTEMPTS: i64 = 10;

/// The jobs of a server.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

/// What an owner asked for before, with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The same.
    Same(Box<Job>),
    /// Something else.
    OtherRequest,
}

/// What became of a new job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is queued.
    New(Box<Job>),
    /// Its owner's key is taken, since it was looked for: see [`Store::before`].
    Taken,
    /// As many wait as may.
    Full,
}

impl Store {
    /// Opens the database, or makes one that its owner alone can read.
    ///
    /// # Errors
    /// A file of something else or of another version, or one that cannot be written.
    pub fn open(path: &Path) -> eyre::Result<Self> {
        let db = tables::open(path)?;
        Ok(Self { db: Mutex::new(db) })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic left is rolled back when it is dropped.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, unless `limit` wait already.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn insert(&self, job: &NewJob, limit: u32) -> eyre::Result<Inserted> {
        let mut db = self.db();
        let adding = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(wanted) = &job.idempotency {
            let taken = "SELECT count(*) FROM jobs WHERE owner = ?1 AND idempotency = ?2";
            let taken: i64 =
                adding.query_row(taken, params![job.owner, wanted.key], |row| row.get(0))?;
            if taken > 0 {
                return Ok(Inserted::Taken);
            }
        }
        let waiting = "SELECT count(*) FROM jobs WHERE state = 'queued'";
        let waiting: i64 = adding.query_row(waiting, [], |row| row.get(0))?;
        if waiting >= i64::from(limit) {
            return Ok(Inserted::Full);
        }
        let request = job.idempotency.as_ref();
        adding.execute(
            "INSERT INTO jobs (id, owner, idempotency, salt, digest, model, state, created, updated, input_commitment, context, scope, submit)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?7, ?8, ?9, ?10, ?11)",
            params![
                job.id,
                job.owner,
                request.map(|r| &r.key),
                request.map(|r| r.salt),
                request.map(|r| r.digest),
                job.model,
                now(),
                job.input_commitment,
                job.context,
                job.scope,
                job.submit
            ],
        )?;
        let added = one(&adding, &job.id)?;
        adding.commit()?;
        added.map_or_else(
            || bail!("job {} was not added", job.id),
            |job| Ok(Inserted::New(Box::new(job))),
        )
    }

    /// The job of an earlier request with this key; `digest` makes the request's digest with the salt of that one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn before(
        &self,
        owner: &str,
        key: &str,
        digest: impl Fn([u8; 32]) -> [u8; 32],
    ) -> eyre::Result<Option<Before>> {
        // What was proven keeps no digest: its request is taken at its word.
        type Marks = (Option<[u8; 32]>, Option<[u8; 32]>);
        let sql = format!(
            "SELECT {COLUMNS}, salt, digest FROM jobs WHERE owner = ?1 AND idempotency = ?2"
        );
        let read = |row: &Row<'_>| -> rusqlite::Result<(Job, Marks)> {
            Ok((job_of(row)?, (row.get("salt")?, row.get("digest")?)))
        };
        let found = self.db().query_row(&sql, params![owner, key], read);
        Ok(found.optional()?.map(|(job, marks)| match marks {
            (Some(salt), Some(kept)) if digest(salt) != kept => Before::OtherRequest,
            _ => Before::Same(Box::new(job)),
        }))
    }

    /// The oldest job that waits for one of these models, which is begun now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn claim(&self, models: &[String]) -> eyre::Result<Option<Job>> {
        let sql = format!(
            "UPDATE jobs SET state = 'proving', attempts = attempts + 1, updated = ?1
             WHERE seq = (SELECT seq FROM jobs WHERE state = 'queued' AND model IN (SELECT value FROM json_each(?2)) ORDER BY seq LIMIT 1)
             RETURNING {COLUMNS}"
        );
        let names = serde_json::to_string(models)?;
        Ok(self
            .db()
            .query_row(&sql, params![now(), names], job_of)
            .optional()?)
    }

    /// The proof of a job is made.
    ///
    /// # Errors
    /// If it is not proving, or cannot be written.
    pub fn proven(&self, id: &str, proven: &Proven) -> eyre::Result<Job> {
        self.change(
            id,
            &[State::Proving],
            "state = 'proven', salt = NULL, digest = NULL, proof = ?, output = ?, weight_commitment = ?, error = NULL",
            params![
                proven.proof,
                proven.output.to_string(),
                proven.weight_commitment
            ],
        )
    }

    /// The prover gives a job back.
    ///
    /// # Errors
    /// If it is not proving, or cannot be written.
    pub fn requeue(&self, id: &str) -> eyre::Result<Job> {
        // It was no fault of the job's.
        let set = "state = 'queued', attempts = max(attempts - 1, 0)";
        self.change(id, &[State::Proving], set, [])
    }

    /// Nothing will come of a job.
    ///
    /// # Errors
    /// If it is done, or cannot be written.
    pub fn fail(&self, id: &str, error: &str) -> eyre::Result<Job> {
        let from = [
            State::Queued,
            State::Proving,
            State::Proven,
            State::Submitting,
        ];
        let set = "state = 'failed', salt = NULL, digest = NULL, error = ?";
        self.change(id, &from, set, params![error])
    }

    /// Takes a job of an owner back; none if it does not wait any more.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn cancel(&self, owner: &str, id: &str) -> eyre::Result<Option<Job>> {
        let sql = format!(
            "UPDATE jobs SET state = 'cancelled', salt = NULL, digest = NULL, updated = ?1
             WHERE id = ?2 AND owner = ?3 AND state = 'queued' RETURNING {COLUMNS}"
        );
        Ok(self
            .db()
            .query_row(&sql, params![now(), id, owner], job_of)
            .optional()?)
    }

    /// The job whose proof is to be sent next: the one that was tried least often, the oldest of those.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn next_submission(&self) -> eyre::Result<Option<(Job, Vec<u8>)>> {
        let sql = format!(
            "SELECT {COLUMNS}, proof FROM jobs WHERE submit AND state IN ('proven', 'submitting') ORDER BY tries, seq LIMIT 1"
        );
        let read = |row: &Row<'_>| Ok((job_of(row)?, row.get("proof")?));
        Ok(self.db().query_row(&sql, [], read).optional()?)
    }

    /// A proof is about to be sent, for the first time or again.
    ///
    /// # Errors
    /// If it is not proven, or cannot be written.
    pub fn submitting(&self, id: &str, statement_hash: B256) -> eyre::Result<Job> {
        self.change(
            id,
            &[State::Proven, State::Submitting],
            "state = 'submitting', statement_hash = ?",
            params![statement_hash.to_string()],
        )
    }

    /// A transaction is signed and about to be sent.
    ///
    /// # Errors
    /// If the job is not submitting, or it cannot be written: then it must not be sent.
    pub fn sending(&self, id: &str, signed: &Signed) -> eyre::Result<Job> {
        let nonce = i64::try_from(signed.nonce).wrap_err("a nonce of more than 63 bits")?;
        self.change(
            id,
            &[State::Submitting],
            "tx_hash = ?, tx_nonce = ?",
            params![signed.hash.to_string(), nonce],
        )
    }

    /// Nothing will come of the transaction that was signed.
    ///
    /// # Errors
    /// If the job is not submitting, or cannot be written.
    pub fn unsent(&self, id: &str) -> eyre::Result<Job> {
        let set = "tx_hash = NULL, tx_nonce = NULL";
        self.change(id, &[State::Submitting], set, [])
    }

    /// An attempt to submit failed, others follow.
    ///
    /// # Errors
    /// If it is not on its way, or cannot be written.
    pub fn retry(&self, id: &str, error: &str) -> eyre::Result<Job> {
        self.change(
            id,
            &[State::Proven, State::Submitting],
            "tries = tries + 1, error = ?",
            params![error],
        )
    }

    /// The statement is in the registry: in this block by this job's transaction, or it stood before.
    ///
    /// # Errors
    /// If the job is not submitting, or cannot be written.
    pub fn submitted(&self, id: &str, block: Option<u64>) -> eyre::Result<Job> {
        let already = block.is_none();
        let block = block.map(i64::try_from).transpose()?;
        self.change(
            id,
            &[State::Submitting],
            "state = 'submitted', error = NULL, block = ?1, already_recorded = ?2,
             tx_hash = CASE WHEN ?2 THEN NULL ELSE tx_hash END, tx_nonce = CASE WHEN ?2 THEN NULL ELSE tx_nonce END",
            params![block, already],
        )
    }

    /// Queues what a process that died was proving, and gives up what was begun [`MAX_ATTEMPTS`] times.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn recover(&self) -> eyre::Result<(usize, usize)> {
        let mut db = self.db();
        let recovering = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let text = format!(
            "the prover ended {MAX_ATTEMPTS} times while it worked on this job, as it does when memory runs out"
        );
        let failed = recovering.execute(
            "UPDATE jobs SET state = 'failed', salt = NULL, digest = NULL, error = ?1, updated = ?2 WHERE state = 'proving' AND attempts >= ?3",
            params![text, now(), MAX_ATTEMPTS],
        )?;
        let queued = recovering.execute(
            "UPDATE jobs SET state = 'queued', updated = ?1 WHERE state = 'proving'",
            params![now()],
        )?;
        recovering.commit()?;
        Ok((queued, failed))
    }

    /// A job of an owner.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn job(&self, owner: &str, id: &str) -> eyre::Result<Option<Job>> {
        Ok(one(&self.db(), id)?.filter(|job| job.owner == owner))
    }

    /// The proof file of an owner's job, if it has one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn proof(&self, owner: &str, id: &str) -> eyre::Result<Option<Vec<u8>>> {
        let sql = "SELECT proof FROM jobs WHERE id = ?1 AND owner = ?2";
        let read = |row: &Row<'_>| row.get(0);
        let found = self.db().query_row(sql, params![id, owner], read);
        Ok(found.optional()?.flatten())
    }

    /// Names of the jobs whose inputs are still needed.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn unproven(&self) -> eyre::Result<Vec<String>> {
        self.ids("SELECT id FROM jobs WHERE state IN ('queued', 'proving')")
    }

    /// Names of the jobs that the prover works on.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn proving(&self) -> eyre::Result<Vec<String>> {
        self.ids("SELECT id FROM jobs WHERE state = 'proving'")
    }

    fn ids(&self, sql: &str) -> eyre::Result<Vec<String>> {
        let db = self.db();
        let mut query = db.prepare(sql)?;
        let ids = query.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn counts(&self) -> eyre::Result<BTreeMap<&'static str, i64>> {
        let mut counts: BTreeMap<_, _> = State::ALL.map(|state| (state.name(), 0)).into();
        let db = self.db();
        let mut query = db.prepare("SELECT state, count(*) FROM jobs GROUP BY state")?;
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        for row in rows {
            let (state, count) = row?;
            if let Some(state) = State::of(&state) {
                counts.insert(state.name(), count);
            }
        }
        Ok(counts)
    }

    /// One change of a job that is in one of these states. The placeholders of `set` are numbered from 1 on.
    fn change(
        &self,
        id: &str,
        from: &[State],
        set: &str,
        values: impl rusqlite::Params,
    ) -> eyre::Result<Job> {
        let mut db = self.db();
        let changing = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(found) = one(&changing, id)? else {
            bail!("there is no job {id}");
        };
        ensure!(
            from.contains(&found.state),
            "job {id} is {}, which does not become what was asked",
            found.state.name()
        );
        // The name is our own hex digits, the time a number: they need no placeholder beside those of the caller.
        let sql = format!(
            "UPDATE jobs SET {set}, updated = {} WHERE id = '{id}'",
            now()
        );
        ensure!(
            id.bytes().all(|b| b.is_ascii_hexdigit()) && changing.execute(&sql, values)? == 1,
            "job {id} was not changed"
        );
        let changed = one(&changing, id)?;
        changing.commit()?;
        changed.map_or_else(|| bail!("there is no job {id}"), Ok)
    }
}

fn one(db: &Connection, id: &str) -> eyre::Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    Ok(db.query_row(&sql, params![id], job_of).optional()?)
}
