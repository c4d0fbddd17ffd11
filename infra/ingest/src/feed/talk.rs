//! What one connection still has to be told, and what became of it: requests, their answers, and
//! keep-alives. Pure: time and chance are arguments, and nothing is sent from here.

use std::collections::VecDeque;
use std::time::Duration;

use market::Symbol;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::venue::{Answer, Carries, Subscription, Verb};

/// A refused channel may be a listing of tomorrow: asking for it costs next to nothing.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(2), cap: Duration::from_secs(300) };

/// A book that breaks again within this time is asked for later and later.
const FORGET_LEAVING: Duration = Duration::from_secs(600);

/// One connection's side of the conversation.
#[derive(Debug)]
pub(super) struct Talk {
    terms: Subscription,
    /// Of each of the terms' channels.
    states: Vec<State>,
    /// Channels that are to be left before they are asked for again.
    leaving: Vec<usize>,
    /// In the order in which they were said.
    asked: VecDeque<Asked>,
    answer_within: Duration,
    opened: bool,
    last_id: u64,
    say_at: Instant,
    keep_alive_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    stage: Stage,
    /// Refusals in a row.
    failures: u32,
    /// Asked for apart from all others, since a request with others was refused whole.
    alone: bool,
    /// How often it was left in a row, and when last; long ago does not count.
    left: u32,
    left_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Due(Instant),
    Asked,
    Granted,
}

#[derive(Debug)]
struct Asked {
    id: u64,
    verb: Verb,
    /// Those that are not answered yet.
    channels: Vec<usize>,
    at: Instant,
}

/// A channel that is not there, and when it will be asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) channel: String,
    pub(super) why: String,
    pub(super) again: Duration,
}

impl State {
    fn is_granted(&mut self) {
        (self.stage, self.failures, self.alone) = (Stage::Granted, 0, false);
    }
}

impl Talk {
    pub(super) fn new(terms: Subscription, answer_within: Duration, now: Instant) -> Talk {
        let state =
            State { stage: Stage::Due(now), failures: 0, alone: false, left: 0, left_at: None };
        Talk {
            states: vec![state; terms.channels.len()],
            leaving: Vec::new(),
            asked: VecDeque::new(),
            answer_within,
            opened: false,
            last_id: 0,
            say_at: now,
            keep_alive_at: terms.keep_alive.map(|(every, _)| now + every),
            terms,
        }
    }

    /// Everything that is said to subscribe, as if no answer came.
    pub(super) fn plan(terms: Subscription, now: Instant) -> Vec<String> {
        let every = terms.say_every;
        let mut talk = Talk::new(Subscription { keep_alive: None, ..terms }, Duration::MAX, now);
        let turn = |number: u32| now + every * number;
        (0..).map_while(|number| talk.next(turn(number))).collect()
    }

    /// What is to be said now, if anything is.
    pub(super) fn next(&mut self, now: Instant) -> Option<String> {
        if now < self.say_at {
            return None;
        }
        let said = self.opening().or_else(|| self.request(now)).or_else(|| self.keep_alive(now));
        if said.is_some() {
            self.say_at = now + self.terms.say_every;
        }
        said
    }

    /// Whether something of the subscription has never been said.
    pub(super) fn is_unsaid(&self) -> bool {
        let fresh = |state: &State| matches!(state.stage, Stage::Due(_)) && state.failures == 0;
        self.states.iter().any(fresh)
    }

    /// Nobody has read for a while: no answer can be overdue.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.asked.iter_mut().for_each(|asked| asked.at = now);
    }

    /// A request was granted; `named` are the channels that the answer names.
    pub(super) fn granted(
        &mut self,
        request: Option<&str>,
        named: &[String],
        now: Instant,
        random: f64,
    ) -> Vec<Complaint> {
        let Some(place) = self.place(request) else { return vec![] };
        let is_named = |talk: &Talk, channel: usize| {
            named.iter().any(|name| *name == talk.terms.channels[channel].name)
        };
        let asked = &self.asked[place];
        let (verb, all) = (asked.verb, asked.channels.clone());
        let (granted, rest): (Vec<_>, Vec<_>) = match self.terms.answer {
            Answer::Whole => (all, vec![]),
            Answer::List | Answer::Each => {
                all.into_iter().partition(|channel| is_named(self, *channel))
            }
        };
        if self.terms.answer == Answer::Each && !rest.is_empty() {
            self.asked[place].channels = rest.clone();
        } else {
            self.asked.remove(place);
        }
        if verb == Verb::Unsubscribe {
            return vec![];
        }
        for channel in granted {
            self.states[channel].is_granted();
        }
        if self.terms.answer == Answer::Each {
            return vec![];
        }
        let why = "the exchange's answer does not name it";
        rest.into_iter().map(|channel| self.fail(channel, why, now, random)).collect()
    }

    /// A request was refused, as a whole or for the channel or symbol `named`; `None` if nothing
    /// was asked to which that could be the answer.
    pub(super) fn refused(
        &mut self,
        request: Option<&str>,
        named: Option<&str>,
        why: &str,
        now: Instant,
        random: f64,
    ) -> Option<Vec<Complaint>> {
        let place = self.place(request)?;
        let asked = &self.asked[place];
        let (verb, all) = (asked.verb, asked.channels.clone());
        let (meant, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|channel| self.is_meant(**channel, named, why));
        let meant = if meant.is_empty() && all.len() == 1 { all.clone() } else { meant };
        if self.terms.answer == Answer::Each && !meant.is_empty() && !others.is_empty() {
            self.asked[place].channels = others.clone();
        } else {
            self.asked.remove(place);
        }
        if verb == Verb::Unsubscribe {
            return Some(vec![]);
        }
        // We asked again for what was not refused together with what was.
        if why.to_ascii_lowercase().contains("already subscribed") {
            for channel in if meant.is_empty() { all } else { meant.clone() } {
                self.states[channel].is_granted();
            }
            if self.terms.answer != Answer::Each && !meant.is_empty() {
                self.ask_again(&others, now, false);
            }
            return Some(vec![]);
        }
        if meant.is_empty() {
            self.ask_again(&others, now, true);
        } else if self.terms.answer != Answer::Each {
            self.ask_again(&others, now, false);
        }
        let complaints = meant.into_iter().map(|channel| {
            // It must not be the ruin of others once more.
            self.states[channel].alone = true;
            self.fail(channel, why, now, random)
        });
        Some(complaints.collect())
    }

    /// What was not answered in time.
    pub(super) fn overdue(&mut self, now: Instant, random: f64) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let within = self.answer_within;
        let late = |asked: &Asked| now.duration_since(asked.at) >= within;
        while let Some(place) = self.asked.iter().position(late) {
            let Some(asked) = self.asked.remove(place) else { break };
            let why = format!("no answer within {} s", within.as_secs_f64());
            if asked.verb == Verb::Subscribe {
                let fail = |channel| self.fail(channel, &why, now, random);
                complaints.extend(asked.channels.into_iter().map(fail));
            }
        }
        complaints
    }

    /// Leaves the channel of a symbol's book and asks for it anew.
    pub(super) fn again(&mut self, symbol: &Symbol, now: Instant) {
        let of = |channel: &crate::venue::Channel| {
            channel.carries == Carries::Book && channel.symbol == *symbol
        };
        let Some(channel) = self.terms.channels.iter().position(of) else { return };
        // Otherwise it is on its way already.
        let state = &mut self.states[channel];
        if state.stage == Stage::Granted {
            self.leaving.push(channel);
            let recent = state.left_at.is_some_and(|at| now - at < FORGET_LEAVING);
            state.left = if recent { state.left.saturating_add(1) } else { 0 };
            state.left_at = Some(now);
            state.stage = Stage::Due(now + AGAIN.delay(state.left, 1.0));
        }
    }

    fn opening(&mut self) -> Option<String> {
        let first = !std::mem::replace(&mut self.opened, true);
        self.terms.opening.clone().filter(|_| first)
    }

    fn request(&mut self, now: Instant) -> Option<String> {
        let due: Vec<_> = (0..self.states.len())
            .filter(|channel| matches!(self.states[*channel].stage, Stage::Due(at) if at <= now))
            .collect();
        let leaving = std::mem::take(&mut self.leaving);
        let (verb, from) = match leaving.is_empty() {
            true => (Verb::Subscribe, due),
            false => (Verb::Unsubscribe, leaving),
        };
        let first = *from.first()?;
        let kind = |channel: usize| self.terms.channels[channel].name.split('.').next();
        let fits = |channel: usize| {
            channel == first
                || (kind(channel) == kind(first)
                    && !self.states[first].alone
                    && !self.states[channel].alone)
        };
        let mut channels: Vec<_> = from.iter().copied().filter(|it| fits(*it)).collect();
        channels.truncate(self.terms.per_request);
        self.last_id += 1;
        let id = self.last_id;
        let names: Vec<_> = channels.iter().map(|it| &*self.terms.channels[*it].name).collect();
        let said = (self.terms.say)(verb, id, &names);
        match verb {
            Verb::Subscribe => {
                channels.iter().for_each(|it| self.states[*it].stage = Stage::Asked);
            }
            Verb::Unsubscribe => {
                self.leaving = from.into_iter().filter(|it| !channels.contains(it)).collect();
            }
        }
        self.asked.push_back(Asked { id, verb, channels, at: now });
        Some(said)
    }

    fn keep_alive(&mut self, now: Instant) -> Option<String> {
        let (every, message) = self.terms.keep_alive?;
        let at = self.keep_alive_at.as_mut().filter(|at| now >= **at)?;
        *at = now + every;
        Some(message.to_owned())
    }

    /// Which request an answer is about; without an id it is the oldest one's.
    fn place(&self, request: Option<&str>) -> Option<usize> {
        let Some(id) = request else { return (!self.asked.is_empty()).then_some(0) };
        let id: u64 = id.parse().ok()?;
        self.asked.iter().position(|asked| asked.id == id)
    }

    /// Whether a refusal speaks of the channel, by its name or its symbol as the exchange spells it.
    fn is_meant(&self, channel: usize, named: Option<&str>, why: &str) -> bool {
        let name = &self.terms.channels[channel].name;
        let behind_kind = name.split_once('.').map_or(&**name, |(_, rest)| rest);
        let is_it = |word: &str| word == name || word == behind_kind;
        match named {
            Some(named) => is_it(named),
            None => {
                why.split(|end: char| end.is_whitespace() || ",;:\"'()".contains(end)).any(is_it)
            }
        }
    }

    fn ask_again(&mut self, channels: &[usize], now: Instant, alone: bool) {
        for channel in channels {
            let state = &mut self.states[*channel];
            (state.stage, state.alone) = (Stage::Due(now), alone);
        }
    }

    fn fail(&mut self, channel: usize, why: &str, now: Instant, random: f64) -> Complaint {
        let state = &mut self.states[channel];
        state.failures = state.failures.saturating_add(1);
        let again = AGAIN.delay(state.failures, random);
        state.stage = Stage::Due(now + again);
        let channel = self.terms.channels[channel].name.clone();
        Complaint { channel, why: why.to_owned(), again }
    }
}

#[cfg(test)]
mod tests;
