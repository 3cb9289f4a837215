"""What would be deployed, proved against a control plane on loopback: no test here leaves the machine."""
