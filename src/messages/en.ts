/**
 * English: headings, prompts, progress, errors and outcomes. The words of findings live with their checks. `{name}` stands
 * for a parameter, `{name|one|many}` for a word that depends on one; parameters whose name ends in `Ms` are durations and
 * in `Bytes` sizes, given as numbers.
 */
export const en = {
  /** Between items of a list in a sentence. */
  listSeparator: ', ',
  /** Between what stands before an explanation and the explanation. */
  colon: ': ',
  parentheses: ' ({text})',
  duration: { milliseconds: '{n} ms', seconds: '{n} s', minutes: '{minutes} min {seconds} s', hours: '{hours} h {minutes} min' },

  cluster: {
    port: 'port {port}',
    running: 'running',
    down: 'down',
    platform: {
      'linux-apt': 'Debian',
      'linux-rpm': 'Red Hat',
      source: 'source build',
      homebrew: 'Homebrew',
      windows: 'Windows',
      other: 'other',
    },
    untestedMajor: 'PostgreSQL {major} is not among the tested versions (12 to 18)',
    labels: {
      data: 'data',
      config: 'configuration',
      hba: 'access rules',
      log: 'log',
      owner: 'owner',
      service: 'service',
      sockets: 'sockets',
      manager: 'managed by',
      evidence: 'seen in',
      programs: 'programs',
    },
    evidence: {
      postmaster: 'running postmaster',
      pg_lsclusters: 'pg_lsclusters',
      service: 'service',
      'postmaster.pid': 'postmaster.pid',
      PGDATA: 'PGDATA',
      'known-place': 'known place',
      asked: 'as asked',
    },
    service: {
      systemd: 'systemd',
      pg_ctlcluster: 'pg_ctlcluster',
      pg_ctl: 'pg_ctl',
      brew: 'brew services',
      windows: 'Windows service',
      unknown: 'not known',
    },
    managedBy: '{manager} manages this configuration: change settings with {command}',
    none: 'No PostgreSQL cluster was found on this machine.',
    noneRemedy: 'Name one: pgwal clusters -D DIR',
  },

  doctor: {
    passed: '{count} passed',
    notChecked: '{count} not checked',
    notApplicable: '{count|does|do} not apply',
    crashed: 'this check broke, which is a fault in pgwal: {error}',
    unknownFinding: 'finding {code}',
    next: 'Next: ',
    closing: {
      lost: 'If this disk died now, everything since the last dump would be lost.',
      broken: 'Until these are put right, a recovery to a point in time cannot be relied on.',
      weak: 'WAL is archived; what is marked above weakens a recovery.',
      unseen: 'Nothing wrong in what could be seen; the rest is unknown, not well.',
      well: 'Nothing wrong was found. Only a test proves that a segment arrives.',
    },
  },

  verify: {
    closing: {
      proved: 'Archiving works: a segment written just now is in the archive.',
      unproved: 'Nothing failed, but archiving is not proved: no segment was tested.',
      failed: 'Archiving is not proved.',
    },
  },

  /** Why something was not checked. The first form whose names are all given is used. */
  reasons: {
    'server-down': ['the server is down'],
    'no-login': ['no login as {user}', 'the server lets nobody in that pgwal may be'],
    'no-privilege': ['{user} may not see this', 'the login may not see this'],
    'not-readable': ['{target} is not readable', 'a file is not readable'],
    'not-found': ['{target} does not exist', 'a file does not exist'],
    'not-running-here': ['it runs on another machine'],
    remote: ['cannot be seen from another machine'],
    timeout: ['{target} did not answer in time', 'no answer in time'],
    'not-applicable': ['does not apply here'],
    'unknown-destination': ['where the archive command puts segments cannot be told from here'],
    'archive-mode-off': ['archive_mode is off'],
    'wal-level-minimal': ['wal_level is minimal'],
    'in-recovery': ['the server is a standby'],
    'no-wal-senders': ['max_wal_senders is 0'],
    'config-unreadable': ['the configuration is not readable'],
    'no-log': ['the log was not found'],
    'too-large': ['{target} is too large to read', 'a file is too large to read'],
    'host-error': ['{target}: {cause}', 'the system refused'],
  } as Readonly<Record<string, readonly string[]>>,
  unknownReason: 'could not be seen ({code})',
  runAsRoot: 'run as root',

  plan: {
    verb: {
      create: 'create',
      edit: 'edit',
      sql: 'run',
      restart: 'restart',
      reload: 'reload',
    },
    connectionsDropped: '{count} {count|connection|connections} will drop',
    unknownConnections: 'open connections will drop',
    noConnections: 'no connection is open',
    restartNeeded: 'a restart is needed',
    newLines: '{count} {count|line|lines}',
    showAll: '{count} more {count|line|lines}: --verbose',
    heading: {
      enable: 'This will happen:',
      undo: 'This will be undone:',
    },
  },

  /** One line for what happened. */
  outcome: {
    'config-accepted': 'new configuration accepted by PostgreSQL before the restart',
    'config-accepted-after-write': 'the running server reads the new files without an error',
    'config-refused': 'PostgreSQL does not accept the new configuration',
    'directory-made': '{path} made',
    'file-made': '{path} made',
    'file-written': '{path} written',
    'statement-run': '{about}',
    restarted: 'restarted in {elapsedMs}',
    started: 'started in {elapsedMs}',
    reloaded: 'configuration read again, without a restart',
    'segment-archived': '{segment} archived in {elapsedMs}, identical to the server\'s',
    'replication-login': 'replication login as {user} over {addresses}',
    'in-force': '{name} = {value}',
    'step-failed': '{step}: {reason}',
    'start-failed': 'the server did not start with the new configuration',
    'restart-failed': 'the restart failed: {reason}',
    'files-restored': '{count} {count|file|files} put back, byte for byte',
    'server-restored': 'the server runs again with the old configuration (down for {downMs})',
    'server-not-restored': 'the server does not run: start it with {command}',
    'not-restored': '{path} could not be put back; its former content is in {copy}',
    'file-restored': '{path} as it was, byte for byte',
    'file-removed': '{path} removed',
    'directory-removed': '{path} removed',
    'directory-kept': '{path} stays: it is not empty',
    'statement-undone': 'undone: {about}',
    'edited-since': '{path} was edited since, and is left alone',
    'overwritten': '{path} had been edited since; put back because of --force',
    'interrupted-run': 'run {run} was interrupted: {count} {count|step|steps} of it had been done',
  },

  /** How a command ends. */
  ending: {
    applied: 'Undo at any time: {command}',
    'nothing-to-do': 'Nothing to do: everything is set and in force.',
    'nothing-to-undo': 'Nothing to undo: no run is recorded.',
    planned: 'Nothing was changed. To apply it: {command}',
    'not-restarted': 'The files are written; they come into force with a restart: {command}',
    'rolled-back': 'Nothing changed.',
    'rolled-back-partly': 'Not everything could be put back.',
    cancelled: 'Cancelled. Nothing was changed.',
    undone: 'Everything is as it was before run {run}.',
    whatToDo: 'What to do: {remedy}',
    log: 'The server\'s log says:',
  },

  progress: {
    looking: 'looking for clusters',
    diagnosing: 'looking at {cluster}',
    planning: 'working out what to change',
    checking: 'asking PostgreSQL whether it accepts the new configuration',
    restarting: 'restarting {cluster}',
    starting: 'starting {cluster}',
    stopping: 'stopping {cluster}',
    reloading: 'reloading {cluster}',
    accepting: 'waiting until {cluster} accepts connections',
    segment: 'waiting for {segment} in the archive (at most {limit} s)',
    login: 'replication login as {user} over {host}',
    undoing: 'putting back what was before',
    drill: 'restoring a copy to prove that it can be done',
    preparing: 'preparing a throw-away server',
    removing: 'removing the throw-away server',
  },

  prompts: {
    cluster: 'Which cluster?',
    archiveDirectory: 'Where should the archived WAL go?',
    replicationUser: 'Who takes base backups?',
    allowFrom: 'From which other networks? (CIDR, blank for none)',
    password: 'Password of {user}',
    apply: 'Apply?',
    undo: 'Undo?',
    yes: 'Yes',
    no: 'No',
    yesOrNo: 'Answer with y or n',
    selectHelp: { move: 'move', choose: 'choose' },
    hidden: '[not shown]',
    required: 'An answer is needed',
    absolutePath: 'Give an absolute path',
    network: '{text} is not a network in CIDR form, such as 192.0.2.0/24',
    thisMachineOnly: 'from this machine only',
    cancelled: 'Cancelled.',
  },

  history: {
    none: 'No run is recorded.',
    columns: { run: 'run', when: 'when', cluster: 'cluster', command: 'command', state: 'state' },
    state: {
      applied: 'in force',
      undone: 'undone',
      'rolled-back': 'rolled back',
      interrupted: 'interrupted',
      running: 'under way',
    } as Readonly<Record<string, string>>,
    undo: 'Undo the newest: pgwal undo',
    finish: 'A run was interrupted. Put everything back: pgwal undo {run}',
  },

  checks: {
    probes: 'What pgwal verify tests on the live server:',
    findings: 'What it can find',
    needs: 'Looks at',
    source: 'Source',
    explain: 'Explain one: pgwal checks ID',
  },

  settings: {
    notSet: 'not set',
    running: 'the server runs with {value}',
    pendingRestart: 'a restart is needed',
    lost: 'has no effect',
    wins: 'decides',
    default: 'default',
    commandLine: 'command line',
    loads: 'PostgreSQL would start with these files.',
    doesNotLoad: 'PostgreSQL would not start with these files.',
  },

  hba: {
    decides: 'decides',
    noRule: 'no rule matches: the connection is rejected',
    method: 'method {method}',
    never: 'never reached: {by} matches first',
    doesNotLoad: 'PostgreSQL would not load this file.',
  },

  demo: {
    intro: 'A throw-away PostgreSQL {version}, to show the whole way.',
    cleaned: 'The throw-away server is removed.',
    summary: 'From no archiving to a proven archive, and back, in {elapsedMs}.',
  },
}

/** What every language must have. */
export type Messages = typeof en
