//! The adapter for a single process: a publish is confirmed when every consumer has committed.
//! Tests can inject the faults of a real broker.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use slipway_fault::Disposition;
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, BrokerError, Envelope, Handler,
    port::disposition,
    topology::{QUEUES, Queue, Route},
};

/// The number of dead letters that are kept, of all queues together. More drop the oldest.
const MAX_DEAD_LETTERS: usize = 1_000;

/// The faults to inject.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultInjection {
    /// Deliver every message twice.
    pub duplicate: bool,
    /// After each message, deliver the message before it again: consumers receive an old message
    /// after a new one.
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
    dead_letters: Mutex<VecDeque<(Queue, Envelope)>>,
    faults: Mutex<FaultInjection>,
    last_deliveries: Mutex<HashMap<&'static str, Envelope>>,
}

impl InProcess {
    /// Injects these faults from now on.
    pub fn inject_faults(&self, faults: FaultInjection) {
        *lock(&self.0.faults) = faults;
    }

    async fn deliver(&self, queue: Queue, envelope: &Envelope) -> Result<(), BrokerError> {
        let handler = lock(&self.0.consumers).get(queue.name).cloned();
        let Some(handler) = handler else {
            return Err(BrokerError(format!("{} has no consumer yet", queue.name)));
        };

        let outcome = handler.handle(envelope).await;
        match disposition(queue, envelope, outcome) {
            Disposition::Ack => Ok(()),
            Disposition::Retry => {
                Err(BrokerError(format!("the consumer of {} could not handle it yet", queue.name)))
            }
            Disposition::DeadLetter => {
                self.keep_dead_letter(queue, envelope);
                Ok(())
            }
        }
    }

    fn keep_dead_letter(&self, queue: Queue, envelope: &Envelope) {
        let mut dead_letters = lock(&self.0.dead_letters);
        dead_letters.push_back((queue, envelope.clone()));

        if dead_letters.len() > MAX_DEAD_LETTERS {
            dead_letters.pop_front();
        }
    }

    /// Delivers to one queue, with the injected duplicates and reordering.
    async fn deliver_with_faults(
        &self,
        queue: Queue,
        envelope: &Envelope,
        faults: FaultInjection,
    ) -> Result<(), BrokerError> {
        self.deliver(queue, envelope).await?;
        if faults.duplicate {
            self.deliver(queue, envelope).await?;
        }

        let previous = lock(&self.0.last_deliveries).insert(queue.name, envelope.clone());
        if let Some(previous) = previous.filter(|_| faults.reorder) {
            self.deliver(queue, &previous).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Broker for InProcess {
    async fn publish(&self, envelope: &Envelope) -> Result<(), BrokerError> {
        let queues: Vec<Queue> =
            QUEUES.iter().copied().filter(|queue| queue.receives(&envelope.event_type)).collect();
        if queues.is_empty() && Route::of(&envelope.event_type).is_mandatory {
            return Err(BrokerError(format!("no queue takes {}", envelope.event_type)));
        }

        let faults = *lock(&self.0.faults);
        for queue in queues {
            self.deliver_with_faults(queue, envelope, faults).await?;
        }

        let mut faults = lock(&self.0.faults);
        if faults.lost_confirms > 0 {
            faults.lost_confirms -= 1;
            return Err(BrokerError("the confirm was lost".to_owned()));
        }
        Ok(())
    }

    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken) {
        lock(&self.0.consumers).insert(queue.name, handler);
        stop.cancelled().await;
        lock(&self.0.consumers).remove(queue.name);
    }

    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, BrokerError> {
        let mut dead_letters = lock(&self.0.dead_letters);

        let oldest = dead_letters.iter().position(|(origin, _)| *origin == queue);
        let taken = oldest.and_then(|index| dead_letters.remove(index));
        Ok(taken.map(|(_, envelope)| envelope.encode()))
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
