"""What a person does in Scipion's window, by the same calls: window.py PROJECT STATEMENTS, where `project` is it."""

import sys

sys.path.insert(0, "/opt/scipion/libexec")
import workflow_places
import workflow_project

domain = workflow_project.scipion()


def box(label):
    """The box of that label."""
    return next(run for run in project.getRuns() if run.getObjLabel() == label)


def new(kind, label, **values):
    """A new box."""
    made = project.newProtocol(domain.getProtocols()[kind], **values)
    made.setObjLabel(label)
    return made


with workflow_project.opened(domain, workflow_places.existing(sys.argv[1])) as project:
    exec(sys.argv[2])
