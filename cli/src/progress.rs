//! `--progress json`: stages as JSON, one object a line on standard error, for programs that show or record them.
//!
//! | member | what |
//! | --- | --- |
//! | `t` | seconds since 1970 |
//! | `event` | `begin`, `tick` or `end` of a stage; `note`, `warning` or `error` with a `text` |
//! | `stage` | its name |
//! | `done`, `of` | of a tick, and of the end of a stage that had one |
//! | `rss` | resident memory in bytes, zero where the system does not tell |
//! | `seconds` | since the stage began |

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::measure::resident_bytes;
use crate::output::line;
use crate::printable::printable_json;

/// Least time between two ticks of a stage.
const TICK: Duration = Duration::from_millis(200);

/// Set once, before the command runs.
static TOLD: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Who else is told of what begins on this thread.
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Somebody who is told every event of a piece of work, whatever standard error gets.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(&Value) + Send + Sync>);

impl Debug for Listener {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Listener {
    /// A function of events.
    pub fn new(told: impl Fn(&Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// Tells it the stages that begin on this thread while `work` runs.
    pub fn hear<T>(self, work: impl FnOnce() -> T) -> T {
        /// Ends with the work, also where that panics.
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                LISTENER.with_borrow_mut(|listener| *listener = None);
            }
        }
        LISTENER.with_borrow_mut(|listener| *listener = Some(self));
        let _end = End;
        work()
    }

    fn of_this_thread() -> Option<Self> {
        LISTENER.with_borrow(Clone::clone)
    }
}

/// Begins to tell progress this way.
pub fn tell() {
    TOLD.store(true, Ordering::Relaxed);
}

/// Whether progress is told this way on standard error.
pub fn is_told() -> bool {
    TOLD.load(Ordering::Relaxed)
}

/// Whether anybody is told of stages that begin here.
pub fn is_heard() -> bool {
    is_told() || Listener::of_this_thread().is_some()
}

/// Says something beside stages.
pub fn say(kind: &str, text: &str) {
    let event = json!({ "t": now(), "event": kind, "text": text });
    write(&event, Listener::of_this_thread().as_ref());
}

fn write(event: &Value, listener: Option<&Listener>) {
    if let Some(Listener(told)) = listener {
        told(event);
    }
    if is_told() {
        line(&printable_json(&event.to_string()));
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // Milliseconds are as exact as anybody needs, and short.
    since.map_or(0.0, |since| since.as_millis() as f64 / 1e3)
}

/// A stage whose progress is told. It ends when dropped.
#[derive(Debug)]
pub struct Timed {
    state: Mutex<State>,
    /// Ticks come from any thread.
    listener: Option<Listener>,
}

#[derive(Debug)]
struct State {
    name: Cow<'static, str>,
    begun: Instant,
    /// When the last tick was, and what it said.
    last: Option<(Instant, u64, u64)>,
}

impl State {
    fn begin(name: Cow<'static, str>, listener: Option<&Listener>) -> Self {
        let state = Self {
            name,
            begun: Instant::now(),
            last: None,
        };
        write(&state.event("begin"), listener);
        state
    }

    fn event(&self, event: &str) -> Value {
        let mut value = json!({
            "t": now(),
            "stage": self.name,
            "event": event,
            "rss": resident_bytes(),
            "seconds": self.begun.elapsed().as_millis() as f64 / 1e3,
        });
        if let Some((_, done, of)) = self.last {
            value["done"] = done.into();
            value["of"] = of.into();
        }
        value
    }

    /// Whether a tick is to be told: not more often than [`TICK`], but the last one.
    fn tick(&mut self, done: u64, of: u64) -> bool {
        let early = |last: &(Instant, u64, u64)| last.0.elapsed() < TICK && done < of;
        if self.last.as_ref().is_some_and(early) {
            return false;
        }
        self.last = Some((Instant::now(), done, of));
        true
    }
}

impl Timed {
    /// A stage begins.
    pub fn begin(name: Cow<'static, str>) -> Self {
        let listener = Listener::of_this_thread();
        let state = Mutex::new(State::begin(name, listener.as_ref()));
        Self { state, listener }
    }

    /// It ends, and another begins in its place.
    pub fn rename(&self, name: &'static str) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.name != name {
            write(&state.event("end"), self.listener.as_ref());
            *state = State::begin(name.into(), self.listener.as_ref());
        }
    }

    /// How much is done.
    pub fn tick(&self, done: u64, of: u64) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.tick(done, of) {
            write(&state.event("tick"), self.listener.as_ref());
        }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Ok(state) = self.state.get_mut() {
            write(&state.event("end"), self.listener.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_the_last_one_is_told() {
        let mut state = State {
            name: "work".into(),
            begun: Instant::now(),
            last: None,
        };
        let told = (1..=1000).filter(|done| state.tick(*done, 1000)).count();
        assert!((2..100).contains(&told), "{told}");
        let event = state.event("end");
        assert_eq!((&event["done"], &event["of"]), (&1000.into(), &1000.into()));
        assert_eq!(
            (&event["stage"], &event["event"]),
            (&"work".into(), &"end".into())
        );
        assert!(event["seconds"].as_f64().is_some() && event["t"].as_f64().unwrap() > 1.6e9);
    }
    #[test]
    fn a_listener_hears_its_own_thread() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        let listener = Listener::new(move |event: &Value| {
            let mut heard = to.lock().unwrap();
            heard.push(format!("{} {}", event["event"], event["stage"]).replace('"', ""));
        });
        assert!(!is_heard());
        let stage = listener.hear(|| {
            assert!(is_heard());
            let stage = Timed::begin("one".into());
            stage.rename("two");
            std::thread::scope(|scope| {
                scope.spawn(|| stage.tick(1, 1));
                scope.spawn(|| drop(Timed::begin("of another".into())));
            });
            stage
        });
        assert!(!is_heard());
        drop(stage);
        let heard = heard.lock().unwrap();
        let expected = ["begin one", "end one", "begin two", "tick two", "end two"];
        assert_eq!(*heard, expected);
    }
}
