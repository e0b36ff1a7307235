//! Jobs through every change of their state, with the process ended after each.

use std::path::PathBuf;

use alloy::primitives::B256;
use serde_json::json;

use super::super::job::{Idempotency, Job, NewJob, Proven, State, new_id};
use super::super::store::{Before, Inserted, MAX_ATTEMPTS, Store};
use crate::chain::Signed;

/// A database whose process can end at any time.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("jobs.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }

    /// The files as a killed process leaves them, taken up by another one. The old connection is open meanwhile: nothing
    /// of its end is in them.
    fn killed(&self, old: &Store) -> (Self, Store) {
        let next = Self::new();
        for name in ["jobs.db", "jobs.db-wal"] {
            let from = self.dir.path().join(name);
            if from.exists() {
                std::fs::copy(from, next.dir.path().join(name)).unwrap();
            }
        }
        let store = next.open();
        assert_eq!(store.counts().unwrap(), old.counts().unwrap());
        (next, store)
    }
}

fn new(owner: &str, submit: bool) -> NewJob {
    NewJob {
        id: new_id(),
        owner: owner.into(),
        idempotency: None,
        model: "fraud".into(),
        input_commitment: "0x01".into(),
        context: Some("7".into()),
        scope: None,
        submit,
    }
}

fn insert(store: &Store, job: &NewJob) -> Job {
    match store.insert(job, 100).unwrap() {
        Inserted::New(job) => *job,
        other => panic!("{other:?}"),
    }
}

fn models() -> Vec<String> {
    vec!["fraud".into()]
}

fn proven() -> Proven {
    Proven {
        proof: vec![1, 2, 3],
        output: json!([0.5]),
        weight_commitment: "0x02".into(),
    }
}

fn signed(nonce: u64) -> Signed {
    Signed {
        hash: B256::with_last_byte(9),
        nonce,
        contract: None,
    }
}

#[test]
fn no_change_is_lost() {
    let disk = Disk::new();
    let store = disk.open();
    let job = insert(&store, &new("a", true));
    let id = job.id.clone();
    let at = |store: &Store| store.job("a", &id).unwrap().unwrap();
    assert_eq!(job.state, State::Queued);

    let (disk, store) = disk.killed(&store);
    assert_eq!(store.recover().unwrap(), (0, 0));
    assert_eq!(at(&store), job);
    let claimed = store.claim(&models()).unwrap().unwrap();
    assert_eq!((claimed.state, claimed.attempts), (State::Proving, 1));
    assert_eq!(store.claim(&models()).unwrap(), None);

    // Killed while it is proven: queued again, with the same input.
    let (disk, store) = disk.killed(&store);
    assert_eq!(store.recover().unwrap(), (1, 0));
    assert_eq!(at(&store).state, State::Queued);
    assert_eq!(store.unproven().unwrap(), [id.as_str()]);
    assert_eq!(store.claim(&models()).unwrap().unwrap().attempts, 2);
    assert_eq!(store.next_submission().unwrap(), None);
    store.proven(&id, &proven()).unwrap();

    // Killed before anything is sent: the proof is there and still to be sent.
    let (disk, store) = disk.killed(&store);
    assert_eq!(store.recover().unwrap(), (0, 0));
    assert!(store.unproven().unwrap().is_empty());
    assert_eq!(store.proof("a", &id).unwrap(), Some(vec![1, 2, 3]));
    let (job, proof) = store.next_submission().unwrap().unwrap();
    assert_eq!((job.state, proof), (State::Proven, vec![1, 2, 3]));
    assert!(!job.is_done());
    let hash = B256::with_last_byte(5);
    store.submitting(&id, hash).unwrap();
    store.sending(&id, &signed(4)).unwrap();

    // Killed with a transaction on its way: it is known by hash and nonce.
    let (disk, store) = disk.killed(&store);
    assert_eq!(store.recover().unwrap(), (0, 0));
    let (job, _) = store.next_submission().unwrap().unwrap();
    assert_eq!(
        (job.state, job.signed),
        (State::Submitting, Some(signed(4)))
    );
    assert_eq!(job.statement_hash, Some(hash.to_string()));
    assert_eq!(store.unsent(&id).unwrap().signed, None);
    store.sending(&id, &signed(5)).unwrap();
    let done = store.submitted(&id, Some(12)).unwrap();
    assert!(done.is_done() && !done.already_recorded);

    let (_disk, store) = disk.killed(&store);
    assert_eq!(store.recover().unwrap(), (0, 0));
    assert_eq!(store.next_submission().unwrap(), None);
    assert_eq!(store.claim(&models()).unwrap(), None);
    let job = at(&store);
    assert_eq!((job.state, job.block), (State::Submitted, Some(12)));
    assert_eq!(job.signed, Some(signed(5)));
    assert_eq!(job.output, Some(json!([0.5])));
}

#[test]
fn a_statement_that_stood_names_no_transaction() {
    let disk = Disk::new();
    let store = disk.open();
    let id = insert(&store, &new("a", true)).id;
    store.claim(&models()).unwrap();
    store.proven(&id, &proven()).unwrap();
    store.submitting(&id, B256::ZERO).unwrap();
    store.sending(&id, &signed(1)).unwrap();
    let done = store.submitted(&id, None).unwrap();
    assert_eq!(
        (done.signed, done.block, done.already_recorded),
        (None, None, true)
    );
}

/// Of every state, every change that is not in the table.
#[test]
fn other_changes_are_refused() {
    type Change = (&'static str, fn(&Store, &str) -> eyre::Result<Job>);
    let changes: [Change; 8] = [
        ("proven", |store, id| store.proven(id, &proven())),
        ("requeue", |store, id| store.requeue(id)),
        ("submitting", |store, id| store.submitting(id, B256::ZERO)),
        ("sending", |store, id| store.sending(id, &signed(0))),
        ("unsent", |store, id| store.unsent(id)),
        ("retry", |store, id| store.retry(id, "busy")),
        ("submitted", |store, id| store.submitted(id, None)),
        ("fail", |store, id| store.fail(id, "no")),
    ];
    let allowed = |state: State| -> &[&str] {
        match state {
            State::Queued => &["fail"],
            State::Proving => &["proven", "requeue", "fail"],
            State::Proven => &["submitting", "retry", "fail"],
            State::Submitting => &[
                "submitting",
                "sending",
                "unsent",
                "retry",
                "submitted",
                "fail",
            ],
            State::Submitted | State::Failed | State::Cancelled => &[],
        }
    };
    let disk = Disk::new();
    let store = disk.open();
    let mut tried = 0;
    for state in State::ALL {
        for (name, change) in &changes {
            let id = reach(&store, state);
            let before = store.job("a", &id).unwrap().unwrap();
            assert_eq!(before.state, state);
            let changed = change(&store, &id);
            let after = store.job("a", &id).unwrap().unwrap();
            assert_eq!(
                changed.is_ok(),
                allowed(state).contains(name),
                "{name} of {before:?}"
            );
            assert!(changed.is_ok() || after == before);
            let cancelled = store.cancel("a", &id).unwrap().is_some();
            assert_eq!(cancelled, after.state == State::Queued);
            tried += 1;
            // Nothing is left for the next one to claim.
            let _ = store.fail(&id, "over");
        }
    }
    assert_eq!(tried, 56);
    assert!(store.fail("0", "no").is_err());
}

fn reach(store: &Store, state: State) -> String {
    let id = insert(store, &new("a", true)).id;
    if state == State::Queued {
        return id;
    }
    if state == State::Cancelled {
        store.cancel("a", &id).unwrap().unwrap();
        return id;
    }
    if state == State::Failed {
        store.fail(&id, "no").unwrap();
        return id;
    }
    assert_eq!(store.claim(&models()).unwrap().unwrap().id, id);
    if state == State::Proving {
        return id;
    }
    store.proven(&id, &proven()).unwrap();
    if state != State::Proven {
        store.submitting(&id, B256::ZERO).unwrap();
    }
    if state == State::Submitted {
        store.submitted(&id, Some(1)).unwrap();
    }
    id
}

#[test]
fn a_job_that_ends_every_prover_is_given_up() {
    let disk = Disk::new();
    let store = disk.open();
    let id = insert(&store, &new("a", false)).id;
    for attempt in 1..=MAX_ATTEMPTS {
        let job = store.claim(&models()).unwrap().unwrap();
        assert_eq!(job.attempts, attempt);
        let last = usize::from(attempt == MAX_ATTEMPTS);
        assert_eq!(store.recover().unwrap(), (1 - last, last));
    }
    let job = store.job("a", &id).unwrap().unwrap();
    assert_eq!(job.state, State::Failed);
    assert!(job.error.unwrap().contains("10 times"));
    // One that was given back in order has not been tried.
    let id = insert(&store, &new("a", false)).id;
    store.claim(&models()).unwrap();
    assert_eq!(store.requeue(&id).unwrap().attempts, 0);
}

#[test]
fn jobs_go_in_order_and_to_models_that_are_there() {
    let disk = Disk::new();
    let store = disk.open();
    let other = NewJob {
        model: "other".into(),
        ..new("a", false)
    };
    insert(&store, &other);
    let ids: Vec<String> = (0..3).map(|_| insert(&store, &new("a", true)).id).collect();
    for id in &ids {
        assert_eq!(store.claim(&models()).unwrap().unwrap().id, *id);
        store.proven(id, &proven()).unwrap();
    }
    assert_eq!(store.claim(&models()).unwrap(), None);
    assert_eq!(store.counts().unwrap()["queued"], 1);
    // One that cannot be sent makes way for the next.
    let next = || store.next_submission().unwrap().unwrap().0.id;
    assert_eq!(next(), ids[0]);
    let job = store.retry(&ids[0], "the node is busy").unwrap();
    assert_eq!(
        (job.state, job.error.as_deref()),
        (State::Proven, Some("the node is busy"))
    );
    assert_eq!(next(), ids[1]);
    store.retry(&ids[1], "busy").unwrap();
    store.retry(&ids[2], "busy").unwrap();
    assert_eq!(next(), ids[0]);
}

#[test]
fn so_many_wait_and_no_more() {
    let disk = Disk::new();
    let store = disk.open();
    let add = || store.insert(&new("a", false), 2).unwrap();
    assert!(matches!(add(), Inserted::New(_)));
    assert!(matches!(add(), Inserted::New(_)));
    assert_eq!(add(), Inserted::Full);
    store.claim(&models()).unwrap().unwrap();
    assert!(matches!(add(), Inserted::New(_)));
}

#[test]
fn requests_are_repeated_and_owners_kept_apart() {
    let disk = Disk::new();
    let store = disk.open();
    let asked = |owner: &str| NewJob {
        idempotency: Some(Idempotency {
            key: "k".into(),
            salt: [1; 32],
            digest: [2; 32],
        }),
        ..new(owner, false)
    };
    let same = |salt: [u8; 32]| {
        assert_eq!(salt, [1; 32]);
        [2; 32]
    };
    assert_eq!(store.before("a", "k", same).unwrap(), None);
    let job = insert(&store, &asked("a"));
    let other = insert(&store, &asked("b"));
    assert_eq!(store.insert(&asked("a"), 100).unwrap(), Inserted::Taken);
    assert_eq!(
        store.before("a", "k", same).unwrap(),
        Some(Before::Same(Box::new(job.clone())))
    );
    assert_eq!(
        store.before("a", "k", |_| [3; 32]).unwrap(),
        Some(Before::OtherRequest)
    );
    assert_eq!(store.before("a", "l", same).unwrap(), None);

    assert_eq!(store.job("b", &job.id).unwrap(), None);
    assert_eq!(store.cancel("b", &job.id).unwrap(), None);
    store.claim(&models()).unwrap();
    let done = store.proven(&job.id, &proven()).unwrap();
    assert_eq!(store.proof("b", &job.id).unwrap(), None);
    assert!(store.proof("a", &job.id).unwrap().is_some());
    assert_eq!(store.proof("b", &other.id).unwrap(), None);
    // Nothing of a request is kept once its input is gone.
    assert_eq!(
        store.before("a", "k", |_| [3; 32]).unwrap(),
        Some(Before::Same(Box::new(done)))
    );
}

#[test]
fn only_our_databases_are_opened() {
    let disk = Disk::new();
    let refused = |expected: &str| {
        let error = format!("{:#}", Store::open(&disk.path()).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    std::fs::write(
        disk.path(),
        "these are no jobs, and no database either".repeat(200),
    )
    .unwrap();
    refused("cannot open the job database");
    std::fs::remove_file(disk.path()).unwrap();

    let other = rusqlite::Connection::open(disk.path()).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    refused("another program");
    drop(other);
    std::fs::remove_file(disk.path()).unwrap();

    drop(disk.open());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(disk.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let ours = rusqlite::Connection::open(disk.path()).unwrap();
    ours.pragma_update(None, "user_version", 2).unwrap();
    drop(ours);
    refused("version 2, expected 1");
}
