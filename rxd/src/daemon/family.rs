//! A family as the builder takes it: services of one kind, under names with numbers.

use super::Daemon;
use super::checked::IntoService;
use super::service::Service;
use crate::core::families::FamilyFacts;
use crate::core::names::Name;
use crate::graph::{self, Edge, Node};
#[cfg(any(test, feature = "test-util"))]
use crate::lifecycle::options::Options;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The most members that a family may have.
pub(crate) const MAX_MEMBERS: usize = 10_000;

/// Makes the member with this number.
pub(super) type MakeMember = Box<dyn Fn(usize) -> Service + Send + Sync>;

/// A service that [`DaemonHandle::scale`](crate::DaemonHandle::scale) can make, for a family that
/// grows.
///
/// Members that need more than their number, such as a pool, are made by a closure:
/// [`Family::made_by`].
///
/// ```
/// use rxd::{Context, FromIndex, Runner, State};
///
/// #[rxd::service]
/// struct Worker {
///     shard: usize,
/// }
///
/// impl Runner for Worker {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         println!("{} works on shard {}", cx.name(), self.shard);
///         cx.cancelled().await;
///         Ok(())
///     }
/// }
///
/// impl FromIndex for Worker {
///     fn from_index(index: usize) -> Self {
///         Worker { shard: index }
///     }
/// }
///
/// #[rxd::daemon]
/// struct Works {
///     workers: Vec<Worker>,
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// let handle = Works { workers: vec![Worker { shard: 0 }] }.start().await?;
/// handle.scale("workers", 3).await?;
/// handle.wait_for("worker-2", State::Run).await?;
/// # Ok(())
/// # }
/// ```
pub trait FromIndex {
    /// The member with this number. The first has 0.
    fn from_index(index: usize) -> Self;
}

/// A family of services as the builder takes it: services of one kind, of which there may be any
/// number, also none. They are named `worker-0`, `worker-1` and so on.
///
/// The others name the family in their watches, `needs(["workers"])`, and so mean all of its members,
/// whichever it has at that time. [`DaemonHandle::scale`](crate::DaemonHandle::scale) changes how
/// many it has.
///
/// All members have the same manager and the same watches.
///
/// ```
/// use rxd::{Context, Daemon, Family, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// async fn serve(cx: Context) -> rxd::Result {
///     cx.cancelled().await;
///     Ok(())
/// }
///
/// let worker = |_| Service::from_fn("worker", serve);
/// let daemon = Daemon::new("works")
///     .family(Family::new("workers", (0..2).map(worker)).made_by(worker))
///     .add(Service::from_fn("api", serve).needs(["workers"]));
///
/// let handle = daemon.start().await?;
/// handle.wait_for(["worker-0", "worker-1", "api"], State::Run).await?;
/// handle.scale("workers", 3).await?;
/// handle.wait_for("worker-2", State::Run).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a family does nothing until it is given to a daemon"]
pub struct Family {
    /// What is declared of each member, under the name of the family.
    pub(super) outline: Service,
    pub(super) stem: Name,
    pub(super) members: Vec<Service>,
    pub(super) make: Option<MakeMember>,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, members) = (self.name(), self.members.len());
        f.debug_struct("Family").field("name", &name).field("members", &members).finish_non_exhaustive()
    }
}

impl Family {
    /// A family of this name, with these members; their own names are not used.
    ///
    /// The names of the members begin with that of the family without a final `s`: those of
    /// `workers` are `worker-0` and so on, those of `ingest` are `ingest-0`. A name that ends in `ss`
    /// stays as it is. See [`stem`](Family::stem).
    ///
    /// A family that begins without members has no watches, and its members are `continuous`.
    pub fn new<S: Into<Service>>(name: impl Into<Cow<'static, str>>, members: impl IntoIterator<Item = S>) -> Self {
        let name = name.into();
        let members: Vec<Service> = members.into_iter().map(Into::into).collect();
        let outline = match members.first() {
            Some(first) => first.outline(name.clone()),
            None => Service::blank(name.clone()),
        };
        Family { stem: stem_of(&name).to_owned().into(), outline, members, make: None }
    }

    /// Sets what the names of the members begin with: `job` for `job-0`, `job-1` and so on.
    pub fn stem(mut self, stem: impl Into<Cow<'static, str>>) -> Self {
        self.stem = stem.into();
        self
    }

    /// Has [`DaemonHandle::scale`](crate::DaemonHandle::scale) make members with this function, from
    /// their numbers. Default: a family does not grow, unless it was declared with a type that is
    /// [`FromIndex`].
    pub fn made_by<S: Into<Service>>(mut self, make: impl Fn(usize) -> S + Send + Sync + 'static) -> Self {
        self.make = Some(Box::new(move |index| make(index).into()));
        self
    }

    pub(crate) fn name(&self) -> &str {
        self.outline.name()
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn limits(&self) -> &Options {
        self.outline.limits()
    }

    /// The family as a node of a graph.
    pub(super) fn node<'a>(&'a self, edges: &'a [Edge<'a>]) -> Node<'a> {
        Node { family: Some(&self.stem), ..self.outline.node(edges) }
    }

    /// A family without members, for a picture.
    #[cfg(feature = "admin")]
    pub(super) fn drawn(&self) -> Family {
        let outline = self.outline.outline(self.name().to_owned().into());
        Family { outline, stem: self.stem.clone(), members: Vec::new(), make: None }
    }

    /// Adds the faults of the family, and those of the values of its members.
    pub(super) fn faults(&self, daemon: &dyn Fn() -> String, faults: &mut Vec<String>) {
        let of = || format!("family {} of {}", graph::quoted(self.name()), daemon());
        if let Some(fault) = graph::name_fault(&format!("{}-{}", self.stem, MAX_MEMBERS - 1)) {
            faults.push(format!("a member of {}: {fault}", of()));
        }
        if self.members.len() > MAX_MEMBERS {
            let count = self.members.len();
            faults.push(format!("{} has {count} members\nhelp: a family has at most {MAX_MEMBERS}", of()));
        }
        if self.outline.takes_config() {
            faults.push(config_fault(&of()));
        }
        for (index, member) in self.members.iter().enumerate() {
            if !member.is_like(&self.outline) {
                faults.push(unlike_fault(&format!("member {index} of {}", of())));
            }
            let of_member = || format!("member {index} of {}", of());
            // One fault of their common declaration is enough.
            let before = faults.len();
            member.option_faults(&of_member, faults);
            if faults.len() != before {
                break;
            }
        }
    }
}

/// What is wrong with members that take a part of the configuration.
pub(super) fn config_fault(of: &str) -> String {
    format!(
        "{of} takes a part of the configuration\nhelp: only a service that is no member of a family does; let it pass \
         the part on, by a topic or an `Arc`"
    )
}

/// What is wrong with a member that is not like the others.
pub(super) fn unlike_fault(member: &str) -> String {
    format!(
        "{member} has another manager, or other watches, than the family\nhelp: give all members the same, or make it \
         a service of its own"
    )
}

/// What is known of these families.
pub(super) fn facts_of(families: &[Family]) -> impl Iterator<Item = FamilyFacts> {
    families.iter().map(|family| FamilyFacts {
        name: family.name().to_owned().into(),
        stem: family.stem.clone(),
        type_hash: family.outline.type_hash(),
        table: family.outline.table(),
        scaling: tokio::sync::Mutex::new(()),
    })
}

/// A family's name without a final `s`.
//
// The macros have a copy of this in `rxd-macros/src/daemon/family.rs`.
fn stem_of(name: &str) -> &str {
    name.strip_suffix('s').filter(|stem| !stem.is_empty() && !stem.ends_with('s')).unwrap_or(name)
}

impl Daemon {
    /// Adds a family of services, of which there may be any number.
    pub fn family(mut self, mut family: Family) -> Self {
        for (index, member) in family.members.iter_mut().enumerate() {
            member.rename(format!("{}-{index}", family.stem).into());
        }
        self.families.push(family);
        self
    }

    /// All services that the daemon starts with, members of families as well.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn all_services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().chain(self.families.iter().flat_map(|family| &family.members))
    }

    /// The service of this name, also if it is a member of a family.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn service_mut(&mut self, name: &str) -> Option<&mut Service> {
        let members = self.families.iter_mut().flat_map(|family| &mut family.members);
        self.services.iter_mut().chain(members).find(|service| service.name() == name)
    }

    /// Replaces the members that families will get.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn replace_made(&mut self, replace: impl Fn(Service) -> Service + Clone + Send + Sync + 'static) {
        for family in &mut self.families {
            let replace = replace.clone();
            if let Some(make) = family.make.take() {
                family.make = Some(Box::new(move |index| replace(make(index))));
            }
        }
    }
}

/// The family of a field that is a `Vec`: its name, what the names of its members begin with, and what
/// makes further members.
pub fn family_field<R: IntoService<S, D>, S: 'static, D>(
    (name, stem): (&'static str, &'static str),
    members: Vec<S>,
    make: Option<fn(usize) -> S>,
) -> Family {
    let service = R::SERVICE;
    let members = members.into_iter().map(|member| service(Some(member))).collect();
    let outline = service(None).outline(name.into());
    let make = make.map(|make| Box::new(move |index| service(Some(make(index)))) as MakeMember);
    Family { outline, stem: stem.into(), members, make }
}

/// Asks whether type `T` is [`FromIndex`]: the compiler finds [`ByIndex::maker`] if it is, and
/// [`ByNothing::maker`] otherwise, if it is called on a reference.
#[derive(Debug)]
pub struct MakerOf<T>(PhantomData<fn() -> T>);

impl<T> MakerOf<T> {
    /// The question.
    #[must_use]
    pub const fn new() -> Self {
        MakerOf(PhantomData)
    }
}

impl<T> Default for MakerOf<T> {
    fn default() -> Self {
        MakerOf::new()
    }
}

/// See [`MakerOf`].
pub trait ByIndex<T> {
    /// Makes the member with this number.
    fn maker(&self) -> Option<fn(usize) -> T>;
}

impl<T: FromIndex> ByIndex<T> for MakerOf<T> {
    fn maker(&self) -> Option<fn(usize) -> T> {
        Some(T::from_index)
    }
}

/// See [`MakerOf`].
pub trait ByNothing<T> {
    /// Nothing makes one.
    fn maker(&self) -> Option<fn(usize) -> T>;
}

impl<T> ByNothing<T> for &MakerOf<T> {
    fn maker(&self) -> Option<fn(usize) -> T> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made(usize);

    impl FromIndex for Made {
        fn from_index(index: usize) -> Self {
            Made(index)
        }
    }

    #[test]
    fn names_of_members_begin_with_the_name_of_the_family_in_the_singular() {
        for (name, stem) in
            [("workers", "worker"), ("ingest", "ingest"), ("s", "s"), ("access", "access"), ("a-s", "a-")]
        {
            assert_eq!(stem_of(name), stem);
        }
    }

    #[test]
    #[expect(clippy::needless_borrow, reason = "the method of a type without a maker is on the reference")]
    fn maker_is_found_only_of_a_type_that_has_one() {
        assert_eq!((&MakerOf::<Made>::new()).maker().map(|make| make(7).0), Some(7));
        assert!((&MakerOf::<u8>::new()).maker().is_none());
    }
}
