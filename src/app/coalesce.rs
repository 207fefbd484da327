//! Calls that want the same kind of thing at the same time share units of work: group commit, without timers.
//!
//! Calls of one key run in lanes. A call that finds a lane free starts at once, alone; the others wait, and whichever
//! lane is free next takes all that wait, up to a bound, as one unit of work. So nobody waits for company, and the more
//! calls there are the larger the units are. The first call of a group works for all of it, in its own task.
//!
//! What must hold: every call gets its own answer, after the commit; if a unit fails, each of its calls is run alone, so
//! that none fails for another's sake; a call whose worker vanished, in a panic or because its caller left, runs alone
//! too. Running again must be harmless: it is for the caller of this to see to that.

use crate::{
    domain::{
        error::Error,
        refusal::{Reason, Refusal},
    },
    store::Deadline,
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot::{Receiver, Sender, channel},
    time::{Instant, timeout_at},
};
use tracing::{Instrument, Span};

/// Items of a group at most.
pub const GROUP: usize = 500;
/// Items that wait for a key at most: about as many as its lanes do in a second.
pub const WAITING: usize = 10_000;
/// A call with less time left goes alone: it must not hurry the others, nor wait for them.
pub const HURRY: Duration = Duration::from_millis(250);

/// What a call wants.
pub trait Work: Send + Sync + 'static {
    /// How many items it is.
    fn items(&self) -> usize;
    /// Until when its caller waits.
    fn deadline(&self) -> Deadline;
    /// What no other call of its group may have.
    fn marks(&self) -> impl Iterator<Item = &str>;
}

/// Runs calls of the same key in lanes. `W` is what a call wants, `A` what it is answered.
#[derive(Debug)]
pub struct Lanes<K: Hash + Eq + Clone, W: Work, A> {
    shared: Arc<Shared<K, W, A>>,
}

#[derive(Debug)]
struct Shared<K: Hash + Eq + Clone, W: Work, A> {
    lanes: usize,
    queues: Mutex<HashMap<K, Queue<K, W, A>>>,
}

/// The calls of a key. Nobody waits while a lane is free.
#[derive(Debug)]
struct Queue<K: Hash + Eq + Clone, W: Work, A> {
    running: usize,
    items: usize,
    waiting: VecDeque<Member<K, W, A>>,
}

/// A call that waits, or whose group is worked for by another one.
#[derive(Debug)]
struct Member<K: Hash + Eq + Clone, W: Work, A> {
    work: Arc<W>,
    span: Span,
    turn: Sender<Turn<K, W, A>>,
}

/// What a call that waited is to do.
#[derive(Debug)]
enum Turn<K: Hash + Eq + Clone, W: Work, A> {
    /// It works for these too.
    Lead(Group<K, W, A>),
    /// It was done.
    Done(A),
    /// It works for itself.
    Alone,
}

/// A lane that is in use; free again when this is dropped.
#[derive(Debug)]
struct Lane<K: Hash + Eq + Clone, W: Work, A> {
    shared: Arc<Shared<K, W, A>>,
    key: K,
    /// Not if it was handed on by somebody else.
    held: bool,
}

/// What a lane does next: for the call that leads, and for the others. Whoever drops it leaves the others alone.
#[derive(Debug)]
struct Group<K: Hash + Eq + Clone, W: Work, A> {
    lane: Lane<K, W, A>,
    others: Vec<Member<K, W, A>>,
}

fn hurries<W: Work>(work: &W) -> bool {
    work.deadline() < Instant::now() + HURRY
}

impl<K: Hash + Eq + Clone, W: Work, A> Lanes<K, W, A> {
    /// So many units of work of a key at a time.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        let queues = Mutex::new(HashMap::new());
        Self {
            shared: Arc::new(Shared { lanes, queues }),
        }
    }

    /// How many units of work are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.queues().values().map(|queue| queue.running).sum()
    }

    /// How many calls wait for a lane.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queues().values().map(|queue| queue.waiting.len()).sum()
    }

    /// Does the work, alone or with others: `together` does what these want in one unit of work and answers each.
    pub async fn run<F>(&self, key: K, work: W, together: impl Fn(Vec<Arc<W>>) -> F) -> Result<A, Error>
    where
        F: Future<Output = Result<Vec<A>, Error>>,
    {
        let work = Arc::new(work);
        let alone = || async {
            let answers = together(vec![work.clone()]).await?;
            answers.into_iter().next().ok_or_else(Error::internal)
        };
        if hurries(&*work) {
            return alone().await;
        }
        let turn = match self.shared.enter(&key, &work)? {
            Ok(group) => Turn::Lead(group),
            Err(turn) => self.shared.wait(&key, &work, turn).await,
        };
        match turn {
            Turn::Done(answer) => Ok(answer),
            Turn::Alone => alone().await,
            Turn::Lead(group) if group.others.is_empty() => {
                let answered = alone().await;
                drop(group);
                answered
            }
            Turn::Lead(group) => match lead(&work, group, &together).await {
                Some(answer) => Ok(answer),
                None => alone().await,
            },
        }
    }
}

/// Works for the whole group. Nothing if that failed: then everybody works for himself.
async fn lead<K: Hash + Eq + Clone, W: Work, A, F>(
    own: &Arc<W>,
    group: Group<K, W, A>,
    together: impl Fn(Vec<Arc<W>>) -> F,
) -> Option<A>
where
    F: Future<Output = Result<Vec<A>, Error>>,
{
    let mut works = vec![own.clone()];
    works.extend(group.others.iter().map(|member| member.work.clone()));
    let items: usize = works.iter().map(|work| work.items()).sum();
    let span = tracing::info_span!("shared unit", calls = works.len(), items);
    for member in &group.others {
        span.follows_from(&member.span);
        member.span.follows_from(&span);
    }
    let count = works.len();
    let done = together(works).instrument(span).await;
    let Group { lane, others } = group;
    // The next ones need not wait until these know.
    drop(lane);
    let answers = match done {
        Ok(answers) if answers.len() == count => answers,
        Ok(_) => return None,
        Err(error) => {
            tracing::debug!(error = %error, calls = count, "a shared unit of work failed; each call works for itself");
            for member in others {
                drop(member.turn.send(Turn::Alone));
            }
            return None;
        }
    };
    let mut answers = answers.into_iter();
    let own = answers.next();
    for (member, answer) in others.into_iter().zip(answers) {
        // Whoever left does not want to know.
        drop(member.turn.send(Turn::Done(answer)));
    }
    own
}

impl<K: Hash + Eq + Clone, W: Work, A> Shared<K, W, A> {
    fn queues(&self) -> MutexGuard<'_, HashMap<K, Queue<K, W, A>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane of its own, or a place among those who wait.
    #[expect(clippy::type_complexity, reason = "either of two things")]
    fn enter(
        self: &Arc<Self>,
        key: &K,
        work: &Arc<W>,
    ) -> Result<Result<Group<K, W, A>, Receiver<Turn<K, W, A>>>, Error> {
        let mut queues = self.queues();
        let queue = queues.entry(key.clone()).or_insert_with(|| Queue {
            running: 0,
            items: 0,
            waiting: VecDeque::new(),
        });
        if queue.running < self.lanes {
            queue.running += 1;
            return Ok(Ok(Group {
                lane: self.lane(key),
                others: Vec::new(),
            }));
        }
        if queue.items + work.items() > WAITING {
            let message = "as many activities of this caller wait as may; try again in a moment";
            return Err(Refusal::new(Reason::ServerBusy, message).into());
        }
        let (sender, receiver) = channel();
        queue.items += work.items();
        queue.waiting.push_back(Member {
            work: work.clone(),
            span: Span::current(),
            turn: sender,
        });
        drop(queues);
        Ok(Err(receiver))
    }

    fn lane(self: &Arc<Self>, key: &K) -> Lane<K, W, A> {
        Lane {
            shared: self.clone(),
            key: key.clone(),
            held: true,
        }
    }

    /// Waits for its turn, as long as there is time for that.
    async fn wait(&self, key: &K, work: &Arc<W>, mut turn: Receiver<Turn<K, W, A>>) -> Turn<K, W, A> {
        if let Ok(turn) = timeout_at(work.deadline() - HURRY, &mut turn).await {
            // Whoever worked for it is gone.
            return turn.unwrap_or(Turn::Alone);
        }
        if self.leave(key, work) {
            return Turn::Alone;
        }
        turn.await.unwrap_or(Turn::Alone)
    }

    /// Waits no longer; `false` if it is in a group already.
    fn leave(&self, key: &K, work: &Arc<W>) -> bool {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(key) else {
            return false;
        };
        let place = queue.waiting.iter().position(|member| Arc::ptr_eq(&member.work, work));
        let left = place.and_then(|place| queue.waiting.remove(place));
        queue.items -= left.as_ref().map_or(0, |member| member.work.items());
        drop(queues);
        left.is_some()
    }

    /// The next group of a lane that has become free: those who waited longest, as far as they go together. The lane is
    /// given up if there is none.
    fn next(&self, key: &K) -> VecDeque<Member<K, W, A>> {
        let (mut group, mut alone) = (VecDeque::new(), Vec::new());
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(key) else {
            return group;
        };
        let (mut items, mut marks) = (0, BTreeSet::new());
        while let Some(member) = queue.waiting.pop_front() {
            let gone = member.turn.is_closed();
            if gone || hurries(&*member.work) {
                queue.items -= member.work.items();
                alone.extend((!gone).then_some(member));
                continue;
            }
            let fits = items + member.work.items() <= GROUP && !member.work.marks().any(|mark| marks.contains(mark));
            if !group.is_empty() && !fits {
                queue.waiting.push_front(member);
                break;
            }
            items += member.work.items();
            queue.items -= member.work.items();
            marks.extend(member.work.marks().map(str::to_owned));
            group.push_back(member);
        }
        if group.is_empty() {
            queue.running -= 1;
            if queue.running == 0 {
                queues.remove(key);
            }
        }
        drop(queues);
        for member in alone {
            drop(member.turn.send(Turn::Alone));
        }
        group
    }
}

impl<K: Hash + Eq + Clone, W: Work, A> Drop for Lane<K, W, A> {
    /// Hands the lane on to whoever waits.
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        loop {
            let mut group = self.shared.next(&self.key);
            if group.is_empty() {
                return;
            }
            while let Some(leader) = group.pop_front() {
                let handed = Group {
                    lane: self.shared.lane(&self.key),
                    others: mem::take(&mut group).into(),
                };
                match leader.turn.send(Turn::Lead(handed)) {
                    Ok(()) => return,
                    // It left in this moment: the next one leads.
                    Err(Turn::Lead(Group { mut lane, others })) => {
                        lane.held = false;
                        group = others.into();
                    }
                    Err(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
