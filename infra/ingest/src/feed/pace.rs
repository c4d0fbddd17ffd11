//! Keeps attempts to connect apart, as exchanges count them by address; decides nothing else.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Turns, at least `every` apart; shared by all feeds of one exchange.
pub(crate) struct Pace {
    every: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(every: Duration) -> Pace {
        Pace { every, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next turn; the first one is at once.
    pub(super) async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().expect("nothing panics while it is held");
            let turn = (*next).max(Instant::now());
            *next = turn + self.every;
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_apart_and_idle_time_saves_up_none() {
        let every = Duration::from_millis(20);
        let (pace, start) = (Pace::new(every), Instant::now());
        tokio::join!(pace.turn(), pace.turn(), pace.turn());
        assert!(start.elapsed() >= 2 * every);
        tokio::time::sleep(5 * every).await;
        let start = Instant::now();
        tokio::join!(pace.turn(), pace.turn());
        assert!(start.elapsed() >= every);
    }
}
