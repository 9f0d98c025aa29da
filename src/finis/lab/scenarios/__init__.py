"""One module per scenario; `finis.lab.scenario` says what a module declares."""
