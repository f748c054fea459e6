//! The twin for one process: a publish is confirmed when every consumer has committed. It misbehaves on demand as a broker does.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use slipway_fault::Disposition;
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, Envelope, Handler, PublishError,
    port::disposition,
    topology::{QUEUES, Queue, exchange_of},
};

/// Dead letters that are kept; the oldest make room.
const DEAD_LETTERS: usize = 1_000;

/// What to do wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mischief {
    /// Deliver every message twice.
    pub duplicate: bool,
    /// After each message, deliver the one before it again: consumers see old after new.
    pub reorder: bool,
    /// Fail this many confirms although the message was delivered.
    pub lost_confirms: u32,
}

/// A broker within the process. Cheap to clone.
#[derive(Clone, Default)]
pub struct InProcess(Arc<State>);

#[derive(Default)]
struct State {
    consumers: Mutex<HashMap<&'static str, Arc<dyn Handler>>>,
    dead: Mutex<VecDeque<(Queue, Envelope)>>,
    mischief: Mutex<Mischief>,
    last: Mutex<HashMap<&'static str, Envelope>>,
}

impl InProcess {
    /// Misbehaves like this from now on.
    pub fn set_mischief(&self, mischief: Mischief) {
        *lock(&self.0.mischief) = mischief;
    }

    async fn deliver(&self, queue: Queue, envelope: &Envelope) -> Result<(), PublishError> {
        let handler = lock(&self.0.consumers).get(queue.name).cloned();
        let Some(handler) = handler else {
            return Err(PublishError(format!("nobody consumes {} yet", queue.name)));
        };
        let outcome = handler.handle(envelope).await;
        match disposition(queue, envelope, outcome) {
            Disposition::Ack => Ok(()),
            Disposition::Retry => {
                Err(PublishError(format!("a consumer of {} asked for it again", queue.name)))
            }
            Disposition::DeadLetter => {
                let mut dead = lock(&self.0.dead);
                dead.push_back((queue, envelope.clone()));
                if dead.len() > DEAD_LETTERS {
                    dead.pop_front();
                }
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Broker for InProcess {
    async fn publish(&self, envelope: &Envelope) -> Result<(), PublishError> {
        let queues: Vec<Queue> =
            QUEUES.iter().copied().filter(|queue| queue.receives(&envelope.kind)).collect();
        if queues.is_empty() && exchange_of(&envelope.kind).1 {
            return Err(PublishError(format!("no queue takes {}", envelope.kind)));
        }
        let mischief = *lock(&self.0.mischief);
        for queue in queues {
            self.deliver(queue, envelope).await?;
            if mischief.duplicate {
                self.deliver(queue, envelope).await?;
            }
            let before = lock(&self.0.last).insert(queue.name, envelope.clone());
            if let Some(before) = before.filter(|_| mischief.reorder) {
                self.deliver(queue, &before).await?;
            }
        }
        let mut current = lock(&self.0.mischief);
        if current.lost_confirms > 0 {
            current.lost_confirms -= 1;
            return Err(PublishError("the confirm was lost".to_owned()));
        }
        Ok(())
    }

    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken) {
        lock(&self.0.consumers).insert(queue.name, handler);
        stop.cancelled().await;
        lock(&self.0.consumers).remove(queue.name);
    }

    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, PublishError> {
        let mut dead = lock(&self.0.dead);
        let oldest = dead.iter().position(|(of, _)| *of == queue);
        Ok(oldest.and_then(|oldest| dead.remove(oldest)).map(|(_, envelope)| envelope.encode()))
    }

    async fn ping(&self) -> Result<(), PublishError> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
