#!/usr/bin/python3 -IS
"""A PBS server in a directory, for tests: qsub, qstat, qdel, qhold, qrls and qalter as OpenPBS 23.06.06 answers.

FAKE_PBS names the directory of its state; jobs really run, in the background, one slot each. Files in it tell it
to behave otherwise, as long as they are there:
  down            nobody answers
  torque          Torque's listing, states and exit codes
  nohistory       the server keeps no history
  slots           how many jobs run at a time (8)
  keep            Torque: how many seconds a completed job stays in the listing (300)
  limit           how many jobs may be queued
  lose.COMMAND    the command is carried out, and its reply is lost
  fail.COMMAND    "STATUS TEXT": it fails with these
  delay.COMMAND   seconds that it takes
  say.COMMAND     it is carried out, but what is printed is garbage, nothing (silence), half of it (truncated), or
                  nothing with exit status 1 (failed)
  foreign         text put in front of the jobs of a JSON listing, as it stands
  lie             "ID LETTER SUBSTATE" lines: what is shown instead
"""
import fcntl, io, json, os, re, signal, subprocess, sys, time

STATE = os.environ["FAKE_PBS"]
SERVER = "pbshost"
NAME = os.path.basename(sys.argv[0])


def path(name):
    return os.path.join(STATE, name)


def told(name):
    try:
        with open(path(name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


TORQUE = told("torque") is not None


class Server:
    """The jobs, under a lock from `with` to its end."""

    def __enter__(self):
        os.makedirs(STATE, exist_ok=True)
        self.lock = open(path("lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            with open(path("jobs")) as f:
                self.next, self.jobs = json.load(f)
        except FileNotFoundError:
            self.next, self.jobs = 0, {}  # as a new server does
        return self

    def __exit__(self, *_):
        self.schedule()
        with open(path("jobs.part"), "w") as f:
            json.dump([self.next, self.jobs], f)
        os.replace(path("jobs.part"), path("jobs"))
        self.lock.close()

    def find(self, text):
        number = text.split(".")[0]
        job = self.jobs.get(number)
        if job and ended(job) and not self.lingers(job) and told("nohistory") is not None:
            return None
        return job

    def subjobs(self, number):
        """Of an array by its number; of a job as well as of a subjob that one alone."""
        return [j for j in self.jobs.values() if j.get("array") == number] if number in self.arrays() else []

    def arrays(self):
        return {j["array"] for j in self.jobs.values() if j.get("array")}

    def lingers(self, job):
        """A subjob that has ended, of an array that has not."""
        return bool(job.get("array")) and ended(job) and any(not ended(j) for j in self.subjobs(job["array"]))

    def whole(self, number):
        """An array as qstat shows it: its subjobs' states, and the exit status of the last one."""
        all_ = self.subjobs(number)
        states = {j["state"] for j in all_}
        job = dict(all_[0], number=number + "[]", array=None, children=[], start=None)
        if states == {"F"}:
            last = max(all_, key=lambda j: j["mtime"])
            job.update(state="F", substate=last["substate"], Exit_status=last["Exit_status"], mtime=last["mtime"])
        elif len(states) > 1 or states & set("RE"):
            job.update(state="B", substate=70, Exit_status=None)
        return job

    def finish(self, job, substate, status=None):
        waited = job["state"] == "H" and job["substate"] == 22
        job["state"], job["substate"], job["mtime"] = "F", substate, time.time()
        job["Exit_status"] = status
        if status is not None:
            self.tell_children(job)
        elif waited:  # takes with it what depends on it, in whatever way
            for child in [self.jobs[n] for n in job["children"]]:
                if child["state"] == "H" and any(number == job["number"] for _, number in child["depend"]):
                    self.finish(child, 92)
        # else: deleted before it started, and the server tells nobody

    def tell_children(self, parent):
        good = parent["Exit_status"] == 0
        for child in [self.jobs[n] for n in parent["children"]]:
            if child["state"] != "H":
                continue
            for kind, number in list(child["depend"]):
                if number != parent["number"]:
                    continue
                met = {"afterok": good, "afternotok": not good, "afterany": True, "after": parent["start"] is not None}[kind]
                # Of a job that was deleted because of its own dependency the server deletes every dependent
                # (depend_on_term in req_register.c).
                if not met or parent["Exit_status"] is None:
                    self.finish(child, 92)  # neither an exit status nor a word: it never ran
                    break
                child["depend"].remove([kind, number])
            self.settle(child)

    def settle(self, job):
        """The state that follows from holds, dependencies and the start time."""
        if job["state"] not in "HQW":
            return
        if job["depend"]:
            job["state"], job["substate"] = "H", 22
        elif job["hold"]:  # one that has waited for a parent keeps its 22
            job["substate"] = 22 if job["state"] == "H" and job["substate"] == 22 else 20
            job["state"] = "H"
        elif job["begin"] > time.time():
            job["state"], job["substate"] = "W", 30
        else:
            job["state"], job["substate"] = "Q", 10

    def schedule(self):
        free = int(told("slots") or 8) - sum(j["state"] in "RE" for j in self.jobs.values())
        for job in self.jobs.values():
            if job["state"] == "W":
                self.settle(job)
            if job["state"] == "Q" and job["ncpus"] > 8:
                job["comment"] = "Can Never Run: Insufficient amount of resource: ncpus"
            elif job["state"] == "Q" and free > 0:
                free -= 1
                job.update(state="R", substate=42, start=time.time(), mtime=time.time())
                for child in [self.jobs[n] for n in job["children"]]:
                    if ["after", job["number"]] in child["depend"]:
                        child["depend"].remove(["after", job["number"]])
                        self.settle(child)
                subprocess.Popen([sys.executable, "-IS", os.path.abspath(__file__), "--job", job["number"]],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True)


def ended(job):
    return job["state"] == "F"


def full(job):
    return job["number"] + "." + SERVER


def complain(status, *texts):
    for text in texts:
        print(text, file=sys.stderr)
    sys.exit(status)


# --- the job's own process

def run_job(number):
    with Server() as server:
        job = server.jobs[number]
        if job["state"] != "R":
            return
        home, script = path("home"), path(number + ".SC")
        os.makedirs(home, exist_ok=True)
        user = os.environ.get("USER", "alice")
        env = {"HOME": home, "PATH": os.environ["PATH"], "USER": user, "LOGNAME": user, "SHELL": "/bin/bash",
               "PBS_JOBID": full(job), "PBS_JOBNAME": job["name"], "PBS_QUEUE": job["queue"],
               "PBS_O_WORKDIR": job["workdir"], "PBS_ENVIRONMENT": "PBS_BATCH", "ENVIRONMENT": "BATCH",
               "NCPUS": str(job["ncpus"]), "OMP_NUM_THREADS": str(job["ncpus"]), "TMPDIR": "/tmp"}
        if job.get("array"):
            env.update(PBS_ARRAY_INDEX=str(job["index"]), PBS_ARRAY_ID=job["array"] + "[]." + SERVER)
        umask = job["umask"]
        spool = path(number + ".OU")
        out = open(spool, "w")
        body = subprocess.Popen(["/bin/bash", script], env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=lambda: os.umask(umask))
        job["pid"] = body.pid
        limit = job["walltime"]
    late = False
    try:
        status = body.wait(limit)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(body.pid, signal.SIGTERM)
        try:
            status = body.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(body.pid, signal.SIGKILL)
            status = body.wait()
    if job["out"] != "/dev/null":
        with Server() as server:
            server.jobs[number].update(state="E", substate=51)
        try:
            with open(spool) as source, open(job["out"], "w") as target:
                os.fchmod(target.fileno(), 0o666 & ~umask)
                target.write(source.read())
        except OSError:
            time.sleep(2)  # 32 s at the real one, which then passes for a good end all the same
    with Server() as server:
        job = server.jobs[number]
        if job["deleted"]:
            server.finish(job, 91, 271)
        elif late:
            server.finish(job, 93, 271 if TORQUE else -29)
        elif status < 0:
            server.finish(job, 93, 256 - status)
        else:
            server.finish(job, 92 if status == 0 else 93, status)


# --- the commands

OPTIONS = "a:A:C:e:fhIj:J:k:l:m:M:N:o:p:P:q:r:S:u:v:VW:Xz"


def usage(command):
    complain(2, f"{command}: illegal option", f"usage: {command} …")


def words(line):
    parts, word, quote, inside = [], "", "", False
    at = 0
    while at < len(line):
        c = line[at]
        if quote:
            if c == quote:
                quote = ""
            else:
                word += c
        elif c in "'\"":
            quote, inside = c, True
        elif c == "\\" and at + 1 < len(line):
            at += 1
            word += line[at]
        elif c.isspace():
            if word or inside:
                parts.append(word)
            word, inside = "", False
        else:
            word += c
        at += 1
    return parts + ([word] if word or inside else [])


def options(arguments, spec=OPTIONS):
    """[(letter, value)] and what is left, as getopt reads them."""
    found, rest = [], list(arguments)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        word = rest.pop(0)[1:]
        while word:
            letter, word = word[0], word[1:]
            place = spec.find(letter)
            if place < 0 or letter == ":":
                usage(NAME)
            if spec[place + 1:place + 2] == ":":
                if not word and not rest:
                    usage(NAME)
                found.append((letter, word or rest.pop(0)))
                break
            found.append((letter, ""))
    return found, rest


def directives(script):
    found = []
    for line in script.splitlines():
        text = line.strip()
        if text.startswith("#PBS"):
            found += options(words(text[4:]))[0]
        elif text and not text.startswith("#"):
            break
    return found


def dependencies(text):
    if text.strip() == "":
        complain(2, f"{NAME}: illegal -W value", f"usage: {NAME} …")
    pairs = []
    for group in text.split(","):
        kind, *ids = group.split(":")
        if kind not in ("after", "afterok", "afternotok", "afterany") or not ids or not all(ids):
            complain(2, f"{NAME}: illegal -W value", f"usage: {NAME} …")
        for each in ids:
            if not re.fullmatch(r"[0-9]+(\.[\w.-]+)?", each):
                complain(2, f"{NAME}: illegal -W value", f"usage: {NAME} …")
            pairs.append([kind, each.split(".")[0]])
    return pairs


def depend(server, job, pairs):
    """Replaces the dependencies; False: the job was deleted, since one can never be met."""
    job["depend"] = []
    for kind, number in pairs:
        parent = server.find(number)
        if parent and not ended(parent):
            if not (kind == "after" and parent["start"]):
                job["depend"].append([kind, number])
                parent["children"].append(job["number"])
            continue
        good = parent is not None and parent["Exit_status"] == 0
        met = parent is not None and {"afterok": good, "afternotok": not good, "afterany": True, "after": True}[kind]
        if not met:
            job["depend"].append([kind, number])
            server.finish(job, 92)
            return False
    server.settle(job)
    return True


def seconds(text):
    total = 0
    for part in text.split(":"):
        if not part.isdigit():
            complain(166, "qsub: Illegal attribute or resource value Resource_List.walltime")
        total = total * 60 + int(part)
    return total


def qsub(arguments):
    given, rest = options(arguments)
    script = open(rest[0]).read() if rest else sys.stdin.read()
    job = {"name": "STDIN", "queue": "workq", "account": "", "ncpus": 1, "walltime": None, "umask": 0o77, "hold": False,
           "begin": 0, "out": None, "state": "Q", "substate": 10, "comment": "", "start": None, "children": [],
           "depend": [], "Exit_status": None, "deleted": False, "pid": None, "workdir": os.getcwd(),
           "arguments": " ".join(arguments), "ctime": time.time(), "mtime": time.time(), "variables": {}}
    pairs, longest, resources, indices = [], 15 if TORQUE else 230, set(), None
    for letter, value in directives(script) + given:
        if letter == "N":
            if not re.fullmatch(r"[\w.+-]+", value, re.ASCII):
                complain(2, "qsub: illegal -N value", "usage: qsub …")
            if len(value) > longest:
                complain(2, "qsub: Job name is too long ")
            job["name"] = value
        elif letter == "l":
            for item in value.split(","):
                name, _, amount = item.partition("=")
                resources.add(name)
                if name == "walltime":
                    job["walltime"] = seconds(amount)
                elif name in ("select", "nodes"):
                    job["ncpus"] = 0
                    for chunk in amount.split("+"):
                        count, *parts = chunk.split(":")
                        each = 1
                        for part in parts:
                            resource, _, number = part.partition("=")
                            if resource in ("ncpus", "ppn"):
                                each = int(number)
                            elif resource not in ("mpiprocs", "mem", "ngpus", "gpus"):
                                complain(187, f"qsub: Unknown resource: {resource}")
                        job["ncpus"] += int(count) * each
                elif name not in ("place", "mem", "pmem", "ncpus"):
                    complain(187, f"qsub: Unknown resource Resource_List.{name}")
        elif letter == "q":
            if value != "workq":
                complain(170, "qsub: Unknown queue")
            job["queue"] = value
        elif letter == "p" and not -1024 <= int(value) <= 1023:
            usage("qsub")
        elif letter == "W":
            name, _, text = value.partition("=")
            if name == "umask":
                job["umask"] = int(text, 8)
            elif name == "depend":
                pairs += dependencies(text)
            else:
                usage("qsub")
        elif letter == "h":
            job["hold"] = True
        elif letter == "o":
            job["out"] = value
        elif letter == "a":
            job["begin"] = time.mktime(time.strptime(value, "%Y%m%d%H%M.%S" if "." in value else "%Y%m%d%H%M"))
        elif letter == "f" and TORQUE:
            usage("qsub")
        elif letter == "J" and not TORQUE:
            low, _, high = value.partition("-")
            if not low.isdigit() or not high.isdigit() or int(low) >= int(high):
                complain(2, "qsub: illegal -J value", "usage: qsub …")
            indices = range(int(low), int(high) + 1)
        elif letter in "IJ":
            usage("qsub")
    if not TORQUE and "place" in resources and "select" not in resources:
        complain(7, 'qsub: Cannot have "place" without "select"')
    with Server() as server:
        limit = told("limit")
        if limit and sum(not ended(j) for j in server.jobs.values()) >= int(limit):
            complain(184, f"qsub: would exceed queue {job['queue']}'s per-user limit")
        number = str(server.next)
        server.next += 1
        for index in indices or [None]:
            one = dict(job, children=[], depend=[], number=number if index is None else f"{number}[{index}]")
            if index is not None:
                one.update(array=number, index=index)
            one["out"] = one["out"] or os.path.join(one["workdir"], f"{one['name']}.o{one['number']}")
            with open(path(one["number"] + ".SC"), "w") as f:
                f.write(script)
            server.jobs[one["number"]] = one
            depend(server, one, pairs)
    if told("lose.qsub") is not None:
        complain(255, "qsub: Failed to recv data from background qsub")
    print((number if indices is None else number + "[]") + "." + SERVER)


def clock(when):
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))


def duration(seconds):
    return "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def attributes(job, server):
    state, substate = job["state"], job["substate"]
    if server.lingers(job):
        state = "X"
    if job.get("array") and state == "H":  # only the array itself is shown as held
        state, substate = "Q", 10
    for line in (told("lie") or "").splitlines():
        number, letter, sub = line.split()
        if number == job["number"]:
            state, substate = letter, int(sub)
    list_ = [("Job_Name", job["name"]), ("Job_Owner", os.environ.get("USER", "alice") + "@" + SERVER),
             ("job_state", "C" if TORQUE and state == "F" else state), ("queue", job["queue"]), ("server", SERVER)]
    list_.append(("ctime", clock(job["ctime"])))
    depends = {}
    for kind, number in job["depend"]:
        depends.setdefault(kind, []).append(f"{number}.{SERVER}@{SERVER}")
    for number in job["children"]:
        for kind, parent in server.jobs[number]["depend"]:
            if parent == job["number"]:
                depends.setdefault("before" + kind[5:], []).append(f"{number}.{SERVER}@{SERVER}")
    if depends:
        list_.append(("depend", ",".join(k + ":" + ":".join(v) for k, v in depends.items())))
    if job["start"]:
        list_.append(("exec_host", "node1/0*%d" % job["ncpus"]))
    holds = ("s" if job["depend"] else "") + ("u" if job["hold"] else "")
    list_ += [("Hold_Types", holds or "n"), ("mtime", clock(job["mtime"])), ("qtime", clock(job["ctime"]))]
    if job["start"]:
        list_.append(("start_time" if TORQUE else "stime", clock(job["start"])))
        if state == "F":
            list_.append(("comp_time" if TORQUE else "obittime", clock(job["mtime"])))
    if not TORQUE:
        list_.append(("substate", substate))
    list_.append(("Variable_List", {"PBS_O_HOME": "/home/alice", "PBS_O_WORKDIR": job["workdir"]}))
    if TORQUE and job["walltime"]:
        list_.append(("Resource_List.walltime", duration(job["walltime"])))
    if TORQUE and state == "F" and job["start"]:
        list_.append(("resources_used.walltime", duration(job["mtime"] - job["start"])))
    if job["comment"]:
        list_.append(("comment", job["comment"]))
    if job["Exit_status"] is not None:
        list_ += [("run_count", 1), ("exit_status" if TORQUE else "Exit_status", job["Exit_status"])]
    list_.append(("Submit_arguments", job["arguments"]))
    return list_


def as_json(value, indent):
    if isinstance(value, dict):
        inner = ",\n".join(f'{" " * (indent + 4)}"{k}":{as_json(v, indent + 4)}' for k, v in value.items())
        return "{\n" + inner + "\n" + " " * indent + "}"
    text = str(value)
    try:  # whatever strtod reads to its end goes without quotes: nan, .5, 1e5
        if text.strip() == text and "_" not in text:
            float(text)
            return text
    except ValueError:
        pass
    return '"' + text.replace('"', '\\"') + '"'  # and a backslash is left as it is


def show(server, jobs, form):
    if form == "json":
        print('{\n    "timestamp":%d,\n    "pbs_version":"23.06.06",\n    "pbs_server":"%s"' % (time.time(), SERVER), end="")
        parts = [f'        "{full(j)}":{as_json(dict(attributes(j, server)), 8)}' for j in jobs]
        foreign = told("foreign")
        if foreign:
            parts.insert(0, foreign)
        if parts:
            print(',\n    "Jobs":{\n' + ",\n".join(parts) + "\n    }", end="")
        print("\n}", end="")
        return
    for job in jobs:
        print("Job Id: " + full(job))
        for name, value in attributes(job, server):
            if isinstance(value, dict):
                value = ",".join(f"{k}={v}" for k, v in value.items())
            line = f"    {name} = {value}"
            while len(line) > 79:
                print(line[:79])
                line = "\t" + line[79:]
            print(line)
        print()


def qstat(arguments):
    history = full_listing = subjobs = False
    form, ids, rest = "text", [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--version":
            print("Version: 6.1.3" if TORQUE else "pbs_version = 23.06.06")
            return
        if word in ("-B", "-Bf"):
            return print(f"Server: {SERVER}\n    server_state = Active\n    total_jobs = 3\n    default_queue = workq\n" +
                         ("    keep_completed = 300\n    pbs_version = 6.1.3" if TORQUE else
                          ("" if told("nohistory") is not None else "    job_history_enable = True\n") +
                          "    pbs_version = 23.06.06"))
        if word == "-Q":
            return print("Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type\n"
                         "---------------- ----- ----- --- --- ----- ----- ----- ----- ----- ----- ----\n"
                         "workq                0     0 yes yes     0     0     0     0     0     0 Exec")
        if word == "-F" and not TORQUE:
            form = rest.pop(0)
        elif word == "-x" and not TORQUE:
            history = True
        elif word == "-f":
            full_listing = True
        elif word == "-t" and not TORQUE:
            subjobs = True
        elif word.startswith("-"):
            usage("qstat")
        else:
            ids.append(word)
    if not full_listing:
        usage("qstat")
    off = told("nohistory") is not None
    with Server() as server:
        keep = time.time() - float(told("keep") or 300)
        def visible(job):
            if not ended(job) or server.lingers(job):
                return True
            return job["mtime"] > keep if TORQUE else history and not off
        status, shown = 0, []
        for text in ids:
            number = text.split(".")[0]
            array = number[:-2] if number.endswith("[]") else ""
            job = server.whole(array) if server.subjobs(array) else server.jobs.get(number)
            if job and visible(job):
                shown.append(job)
            elif job and not off and not TORQUE:
                status = 35
                print(f"qstat: {full(job)} Job has finished, use -x or -H to obtain historical job information", file=sys.stderr)
            elif history and off:
                print(f"qstat: PBS is not configured to maintain job history {text}", file=sys.stderr)
            else:
                status = 153
                print(f"qstat: Unknown Job Id {text}", file=sys.stderr)
        if not ids:
            shown = [job for job in server.jobs.values() if visible(job) and (subjobs or not job.get("array"))]
            shown += [job for job in map(server.whole, sorted(server.arrays())) if visible(job)]
            if history and off:
                print("qstat: PBS is not configured to maintain job history ", file=sys.stderr)
        show(server, shown, form)
    sys.exit(status)


def each(arguments, act):
    status = 0
    if not arguments:
        usage(NAME)
    with Server() as server:
        # What a list does to qdel's server: an id that it does not know, after the last job to be deleted.
        arguments = [job["number"] for text in arguments for job in
                     server.subjobs(text.split("[]")[0]) or [{"number": text}]]
        known = [server.find(text) is not None for text in arguments]
        if NAME == "qdel" and not TORQUE and True in known and not known[-1]:
            open(path("down"), "w").close()
            sys.exit(0)
        for text in arguments:
            job = server.find(text)
            if job is None:
                status = 153
                print(f"{NAME}: Unknown Job Id {text}", file=sys.stderr)
            elif ended(job):
                status = 153 if TORQUE else 35
                said = f"Request invalid for state of job MSG=invalid state for job - COMPLETE {full(job)}" if TORQUE else "Job has finished"
                print(f"{NAME}: {said}" + (" " + full(job) if NAME == "qdel" else ""), file=sys.stderr)
            else:
                act(server, job)
    sys.exit(status)


def qdel(server, job):
    if job["state"] in "RE":
        job["deleted"] = True
        if job["pid"]:
            try:
                os.killpg(job["pid"], signal.SIGTERM)
            except ProcessLookupError:
                pass
    else:
        server.finish(job, 91)


def qrls(server, job):
    job["hold"] = False
    server.settle(job)


def qhold(server, job):
    job["hold"] = True
    server.settle(job)


def lie(say):
    """Carries the command out and prints something else."""
    printed, sys.stdout = sys.stdout, io.StringIO()
    status = 0
    try:
        carry_out()
    except SystemExit as end:
        status = end.code
    text = sys.stdout.getvalue()
    sys.stdout = printed
    if say == "garbage":
        status, text = 0, "502 Bad.Gateway\n\x7fELF <html>\n{\n"
    elif say == "truncated":
        text = text[:len(text) // 2]
    else:
        status, text = int(say == "failed"), ""
    print(text, end="")
    sys.exit(status)


def main():
    if sys.argv[1:2] == ["--job"]:
        return run_job(sys.argv[2])
    time.sleep(float(told("delay." + NAME) or 0))
    if told("down") is not None:
        if NAME == "qstat" and "json" in sys.argv:
            print('{\n    "timestamp":1,\n    "pbs_version":"23.06.06",\n    "pbs_server":"%s"\n}' % SERVER, end="")
        complain(255 if NAME == "qstat" else 162, "Connection refused",
                 f"{NAME}: cannot connect to server {SERVER} (errno=15010)")
    fail = told("fail." + NAME)
    if fail:
        status, _, text = fail.partition(" ")
        complain(int(status), text)
    say = told("say." + NAME)
    if say:
        lie(say)
    carry_out()


def carry_out():
    arguments = sys.argv[1:]
    if NAME == "qsub":
        qsub(arguments)
    elif NAME == "qstat":
        qstat(arguments)
    elif NAME == "qalter":
        given, ids = options(arguments)
        pairs = dependencies(dict(given)["W"].partition("=")[2])
        each(ids, lambda server, job: depend(server, job, pairs))
    else:
        each(arguments, {"qdel": qdel, "qrls": qrls, "qhold": qhold}[NAME])


main()
