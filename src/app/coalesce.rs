//! Calls that want the same kind of thing at the same time share units of work: group commit, without timers.
//!
//! Calls of one key run in lanes. A call that finds a lane free starts at once, alone; the others wait, and whichever
//! lane is free next takes all that wait, up to a bound, as one unit of work. So nobody waits for company, and the more
//! calls there are the larger the units are. The first call of a group works for all of it, in its own task.
//!
//! What must hold: every call gets its own answer, after the commit, and none fails for another's sake. If a unit fails for
//! what it is about, each of its calls is run alone; so is a call whose worker vanished, in a panic or because its caller left.
//! If the database fails it, or the time, that is so for all of them, and none is run against a database that does not answer;
//! but the unit has the time of whoever has the least, so where that was over, those who have time left go on together. Once
//! nobody knows what became of a unit, whatever goes wrong afterwards is told as that: "nothing was changed" could be wrong.
//! Running again must be harmless: it is for the caller of this to see to that.

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

/// Why nobody knows what became of an earlier attempt, if nobody does.
type Doubt = Option<Error>;

/// What a call that waited is to do.
#[derive(Debug)]
enum Turn<K: Hash + Eq + Clone, W: Work, A> {
    /// It works for these too.
    Lead(Group<K, W, A>),
    /// It was done, or cannot be.
    Done(Result<A, Error>),
    /// It works for itself.
    Alone(Doubt),
}

/// A lane that is in use; free again when this is dropped.
#[derive(Debug)]
struct Lane<K: Hash + Eq + Clone, W: Work, A> {
    shared: Arc<Shared<K, W, A>>,
    key: K,
}

/// What a lane does next: for the call that leads, and for the others. Whoever drops it leaves the others alone.
#[derive(Debug)]
struct Group<K: Hash + Eq + Clone, W: Work, A> {
    lane: Lane<K, W, A>,
    others: Vec<Member<K, W, A>>,
    doubt: Doubt,
}

fn hurries<W: Work>(work: &W) -> bool {
    work.deadline() < Instant::now() + HURRY
}

/// Whether an error is about the database or the time, and so about every call of its group.
fn is_of_all(error: &Error) -> bool {
    matches!(
        error.reason(),
        Reason::ServerBusy | Reason::DatabaseUnavailable | Reason::DeadlineExceeded | Reason::OutcomeUnknown
    )
}

/// Whoever worked for a call is gone, and nobody knows how far he came.
fn vanished() -> Error {
    let message = "the unit of work that this call was part of ended half-way; send the call again";
    Error::refused(Reason::OutcomeUnknown, message)
}

/// Does the work of one call by itself.
async fn alone<W: Work, A, F>(work: &Arc<W>, together: impl Fn(Vec<Arc<W>>) -> F, doubt: Doubt) -> Result<A, Error>
where
    F: Future<Output = Result<Vec<A>, Error>>,
{
    let answered = together(vec![work.clone()]).await;
    let answer = answered.and_then(|answers| answers.into_iter().next().ok_or_else(Error::internal));
    answer.map_err(|error| doubt.unwrap_or(error))
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
        if hurries(&*work) {
            return alone(&work, together, None).await;
        }
        let turn = match self.shared.enter(&key, &work)? {
            Ok(group) => Turn::Lead(group),
            Err(turn) => self.shared.wait(&key, &work, turn).await,
        };
        match turn {
            Turn::Done(answer) => answer,
            Turn::Alone(doubt) => alone(&work, together, doubt).await,
            Turn::Lead(group) => lead(&work, group, together).await,
        }
    }
}

/// Works for the whole group, and for those of it who can go on where others cannot.
async fn lead<K: Hash + Eq + Clone, W: Work, A, F>(
    own: &Arc<W>,
    mut group: Group<K, W, A>,
    together: impl Fn(Vec<Arc<W>>) -> F,
) -> Result<A, Error>
where
    F: Future<Output = Result<Vec<A>, Error>>,
{
    loop {
        if group.others.is_empty() {
            let answered = alone(own, together, group.doubt.take()).await;
            drop(group);
            return answered;
        }
        let error = match work_for(own, &group, &together).await {
            Ok(mut answers) => {
                let Group { lane, others, .. } = group;
                // The next ones need not wait until these know.
                drop(lane);
                for member in others.into_iter().rev() {
                    // Whoever left does not want to know.
                    drop(answers.pop().map(|answer| member.turn.send(Turn::Done(Ok(answer)))));
                }
                return answers.pop().ok_or_else(Error::internal);
            }
            Err(error) => error,
        };
        tracing::debug!(error = %error, calls = group.others.len() + 1, "a shared unit of work failed");
        if error.reason() == Reason::OutcomeUnknown {
            group.doubt.get_or_insert(error.clone());
        }
        if !is_of_all(&error) {
            let Group { lane, others, doubt } = group;
            drop(lane);
            for member in others {
                drop(member.turn.send(Turn::Alone(doubt.clone())));
            }
            return alone(own, together, doubt).await;
        }
        let error = group.doubt.clone().unwrap_or(error);
        if group.part(own, &error) {
            continue;
        }
        let Group { lane, others, doubt } = group;
        hand_on(lane, others.into(), doubt);
        return Err(error);
    }
}

/// What the unit of work of the group answers: as many answers as it has calls, that of the leader first.
async fn work_for<K: Hash + Eq + Clone, W: Work, A, F>(
    own: &Arc<W>,
    group: &Group<K, W, A>,
    together: impl Fn(Vec<Arc<W>>) -> F,
) -> Result<Vec<A>, Error>
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
    let answers = together(works).instrument(span).await?;
    if answers.len() == count {
        Ok(answers)
    } else {
        Err(Error::internal())
    }
}

impl<K: Hash + Eq + Clone, W: Work, A> Group<K, W, A> {
    /// Tells those of the others of the error who cannot go on: all, unless the time of one of the group was over, and the rest
    /// has some left. Answers whether the leader is among those who go on.
    fn part(&mut self, own: &Arc<W>, error: &Error) -> bool {
        let others: Vec<_> = self.others.drain(..).collect();
        let all_have_time = !hurries(&**own) && !others.iter().any(|member| hurries(&*member.work));
        for member in others {
            if all_have_time || hurries(&*member.work) {
                drop(member.turn.send(Turn::Done(Err(error.clone()))));
            } else {
                self.others.push(member);
            }
        }
        !all_have_time && !hurries(&**own)
    }
}

/// Gives the lane to the first of these who is still there, who works for the others; to those who wait for it, if nobody is.
fn hand_on<K: Hash + Eq + Clone, W: Work, A>(
    mut lane: Lane<K, W, A>,
    mut members: VecDeque<Member<K, W, A>>,
    mut doubt: Doubt,
) {
    while let Some(leader) = members.pop_front() {
        let others = members.into();
        match leader.turn.send(Turn::Lead(Group { lane, others, doubt })) {
            // It left in this moment: the next one leads.
            Err(Turn::Lead(group)) => {
                (lane, doubt) = (group.lane, group.doubt);
                members = group.others.into();
            }
            Ok(()) | Err(_) => return,
        }
    }
    drop(lane);
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
                doubt: None,
            }));
        }
        if queue.items + work.items() > WAITING {
            let message = "as much of this caller waits as may; try again in a moment";
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
        }
    }

    /// Waits for its turn, as long as there is time for that.
    async fn wait(&self, key: &K, work: &Arc<W>, mut turn: Receiver<Turn<K, W, A>>) -> Turn<K, W, A> {
        if let Ok(turn) = timeout_at(work.deadline() - HURRY, &mut turn).await {
            return turn.unwrap_or_else(|_| Turn::Alone(Some(vanished())));
        }
        if self.leave(key, work) {
            return Turn::Alone(None);
        }
        turn.await.unwrap_or_else(|_| Turn::Alone(Some(vanished())))
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
            drop(member.turn.send(Turn::Alone(None)));
        }
        group
    }
}

impl<K: Hash + Eq + Clone, W: Work, A> Drop for Lane<K, W, A> {
    /// Hands the lane on to whoever waits.
    fn drop(&mut self) {
        let group = self.shared.next(&self.key);
        if !group.is_empty() {
            hand_on(self.shared.lane(&self.key), group, None);
        }
    }
}

#[cfg(test)]
mod tests;
