//! What happens to jobs, told to those who listen: states, and the stages of proving.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::job::Job;

/// Events of a job that a late listener is told; as many may a slow one be behind.
const KEPT: usize = 256;

/// An event of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `state` or `progress`.
    pub name: &'static str,
    /// JSON.
    pub data: String,
    /// Whether it is the last one.
    pub last: bool,
}

impl Event {
    /// The state of a job.
    pub fn state(job: &Job) -> Self {
        Self {
            name: "state",
            data: serde_json::json!(job.view()).to_string(),
            last: job.is_done(),
        }
    }
}

#[derive(Debug)]
struct Line {
    past: VecDeque<Event>,
    live: Sender<Event>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            past: VecDeque::new(),
            live: channel(KEPT).0,
        }
    }
}

/// The events of all jobs that are not done.
#[derive(Debug, Default)]
pub struct Events {
    lines: Mutex<HashMap<String, Line>>,
}

impl Events {
    fn lines(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job's state is another. Nothing is kept of one that is done.
    pub fn state(&self, job: &Job) {
        let event = Event::state(job);
        let last = event.last;
        self.tell(&job.id, event);
        if last {
            self.lines().remove(&job.id);
        }
    }

    /// A stage of proving a job.
    pub fn progress(&self, id: &str, event: &Value) {
        let event = Event {
            name: "progress",
            data: event.to_string(),
            last: false,
        };
        self.tell(id, event);
    }

    fn tell(&self, id: &str, event: Event) {
        let mut lines = self.lines();
        let line = lines.entry(id.to_owned()).or_default();
        if line.past.len() == KEPT {
            line.past.pop_front();
        }
        line.past.push_back(event.clone());
        // Nobody may be listening.
        let _ = line.live.send(event);
    }

    /// What happened to a job so far, and what will. The listener looks at the job's state afterwards, and calls
    /// [`Self::forget`] if it is done.
    pub fn listen(&self, id: &str) -> (VecDeque<Event>, Receiver<Event>) {
        let mut lines = self.lines();
        let line = lines.entry(id.to_owned()).or_default();
        (line.past.clone(), line.live.subscribe())
    }

    /// A job is done.
    pub fn forget(&self, id: &str) {
        self.lines().remove(id);
    }
}
