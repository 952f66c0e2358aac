//! A service without its runner: what the graph knows of it.

use super::{ErasedRunner, Service, ServiceBox, ServiceConfig, ServiceOptions, SpawnOn};
use crate::core::names::Name;
use crate::engine::EngineState;

/// Of a service that only the graph is about.
impl ErasedRunner for () {
    fn is_off(&self) -> bool {
        true
    }

    fn spawn(&mut self, _engine: EngineState, _on: SpawnOn<'_>, _span: tracing::Span) {}
}

impl Service {
    /// What the graph shows of this service, as one without a runner. The watches move there.
    #[cfg(feature = "admin")]
    pub(crate) fn take_drawn(&mut self, name: Name) -> Service {
        let ServiceConfig { service_type, table, declared, watches, optional, .. } = &mut self.0.config;
        let (service_type, table, declared, optional) = (*service_type, *table, *declared, *optional);
        let watches = std::mem::take(watches);
        let config = ServiceConfig { service_type, table, declared, watches, optional, ..ServiceConfig::new(name) };
        Service(Box::new(ServiceBox { config, runner: () }))
    }

    /// What is declared of this service, under another name and without a runner.
    pub(crate) fn outline(&self, name: Name) -> Service {
        let ServiceConfig { service_type, table, declared, watches, takes_config, .. } = &self.0.config;
        let options = ServiceOptions::Overridden(Box::new(self.method_limits()));
        let config = ServiceConfig {
            service_type: *service_type,
            table,
            options,
            declared,
            watches: watches.clone(),
            takes_config: *takes_config,
            ..ServiceConfig::new(name)
        };
        Service(Box::new(ServiceBox { config, runner: () }))
    }

    /// A service of this name, of which nothing is declared, and without a runner.
    pub(crate) fn blank(name: Name) -> Service {
        ServiceConfig::new(name).with(())
    }

    pub(crate) fn rename(&mut self, name: Name) {
        self.0.config.name = name;
    }

    /// The type that it is declared on.
    pub(crate) fn type_name(&self) -> Option<&'static str> {
        self.0.config.service_type.map(|service_type| service_type.text)
    }

    /// Whether it takes a part of the configuration.
    pub(crate) fn takes_config(&self) -> bool {
        self.0.config.takes_config
    }

    /// Whether both have the same manager's table and the same watches.
    pub(crate) fn is_like(&self, other: &Service) -> bool {
        let (own, others) = (&self.0.config, &other.0.config);
        let is_same = || format!("{:?}", self.targets()) == format!("{:?}", other.targets());
        let is_of_one_declaration =
            own.watches.is_empty() && others.watches.is_empty() && std::ptr::eq(own.declared, others.declared);
        own.table == others.table && (is_of_one_declaration || is_same())
    }
}
