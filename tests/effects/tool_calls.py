"""Calls of real tools by many programs, and what each of them does: (tool, arguments, effects)."""

from __future__ import annotations

import shlex
from typing import Any

PATCH = """*** Begin Patch
*** Add File: new.py
+x = 1
*** Update File: app.py
*** Move to: main.py
@@
-a
+b
*** Delete File: old.py
*** End Patch"""

DIFF = """diff --git a/app.py b/app.py
--- a/app.py
+++ b/app.py
@@ -1 +1 @@
-a
+b
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-a
"""

CODEX_SCRIPT = (
    'const r = await tools.exec_command({cmd: "cat app.py", workdir: "/w"}); text(r.output);\n'
    'await tools.apply_patch("*** Begin Patch\\n*** Update File: app.py\\n@@\\n-a\\n+b\\n*** End Patch");'
)

CLAUDE_CODE: list[tuple[str, Any, list[str] | None]] = [
    ("Read", {"file_path": "/w/app.py"}, ["file_read /w/app.py"]),
    ("Write", {"file_path": "/w/a.py", "content": "x"}, ["file_write /w/a.py"]),
    ("Edit", {"file_path": "/w/a.py", "old_string": "a", "new_string": "b"}, ["file_write /w/a.py"]),
    ("MultiEdit", {"file_path": "/w/a.py", "edits": [{"old_string": "a", "new_string": "b"}]}, ["file_write /w/a.py"]),
    ("NotebookEdit", {"notebook_path": "/w/n.ipynb", "new_source": "x"}, ["file_write /w/n.ipynb"]),
    ("NotebookRead", {"notebook_path": "/w/n.ipynb"}, ["file_read /w/n.ipynb"]),
    ("Bash", {"command": "ls", "description": "List"}, ["shell ls", "file_search -"]),
    ("Bash", {"command": "cat .env"}, ["shell cat .env", "file_read .env"]),
    ("BashOutput", {"bash_id": "1"}, []),
    ("KillShell", {"shell_id": "1"}, []),
    ("Glob", {"pattern": "**/*.py"}, ["file_search **/*.py"]),
    ("Glob", {"pattern": "*.py", "path": "/w"}, ["file_search /w"]),
    ("Grep", {"pattern": "TODO", "path": "src"}, ["file_search src"]),
    ("LS", {"path": "/w"}, ["file_search /w"]),
    ("WebFetch", {"url": "https://example.com", "prompt": "read"}, ["network_fetch https://example.com"]),
    ("WebSearch", {"query": "python 3.13"}, ["network_fetch python 3.13 search"]),
    ("Task", {"subagent_type": "explore", "prompt": "look"}, ["agent_spawn explore"]),
    ("Agent", {"description": "x", "prompt": "y"}, ["agent_spawn -"]),
    ("TodoWrite", {"todos": []}, []),
    ("ExitPlanMode", {"plan": "do it"}, ["approval do it"]),
    ("AskUserQuestion", {"questions": []}, ["approval -"]),
]

CODING_AGENTS: list[tuple[str, Any, list[str] | None]] = [
    ("exec_command", {"cmd": "cat .env"}, ["shell cat .env", "file_read .env"]),
    ("functions.exec_command", '{"cmd":"ls /w"}', ["shell ls /w", "file_search /w"]),
    ("shell", {"command": ["bash", "-lc", "rm app.py"]}, ["shell rm app.py", "file_write app.py delete"]),
    ("local_shell", {"action": {"type": "exec", "command": ["cat", "a b"]}}, ["shell cat 'a b'", "file_read a b"]),
    ("shell", {"command": ["apply_patch", PATCH]}, None),
    (
        "apply_patch",
        PATCH,
        ["file_write new.py create", "file_write app.py", "file_write main.py move", "file_write old.py delete"],
    ),
    ("apply_patch", {"input": PATCH.replace("new.py", "other.py")}, None),
    ("apply_patch", {"patch": DIFF}, ["file_write app.py", "file_write gone.py delete"]),
    ("exec", CODEX_SCRIPT, ["shell cat app.py", "file_read app.py", "file_write app.py"]),
    ("exec", {"command": "cat x"}, ["shell cat x", "file_read x"]),
    ("write_stdin", {"session_id": 1, "chars": "rm x\n"}, ["shell rm x\n", "file_write x delete"]),
    ("update_plan", {"plan": []}, []),
    ("view_image", {"path": "a.png"}, ["file_read a.png"]),
    ("spawn_agent", {"agent_type": "worker", "message": "go"}, ["agent_spawn worker"]),
    ("read_file", {"absolute_path": "/w/a"}, ["file_read /w/a"]),
    ("read_many_files", {"paths": ["a", "b"]}, ["file_read a", "file_read b"]),
    ("write_file", {"file_path": "a", "content": "x"}, ["file_write a"]),
    ("replace", {"file_path": "a", "old_string": "x", "new_string": "y"}, ["file_write a"]),
    ("run_shell_command", {"command": "echo hi"}, ["shell echo hi"]),
    ("web_fetch", {"prompt": "Summarise https://example.com/a, please."}, ["network_fetch https://example.com/a"]),
    ("google_web_search", {"query": "x"}, ["network_fetch x search"]),
    ("save_memory", {"fact": "likes tea"}, ["memory_write likes tea"]),
    ("list_directory", {"path": "/w"}, ["file_search /w"]),
    ("search_file_content", {"pattern": "x", "path": "/w"}, ["file_search /w"]),
    ("view", {"path": "/w/a"}, ["file_read /w/a"]),
    ("create", {"path": "/w/a", "file_text": "x"}, ["file_write /w/a"]),
    ("edit", {"filePath": "/w/a", "oldString": "x", "newString": "y"}, ["file_write /w/a"]),
    ("str_replace_based_edit_tool", {"command": "view", "path": "/w/a"}, ["file_read /w/a"]),
    ("str_replace_based_edit_tool", {"command": "create", "path": "/w/a"}, ["file_write /w/a"]),
    ("str_replace_editor", {"command": "str_replace", "path": "/w/a"}, ["file_write /w/a"]),
    ("run_in_terminal", {"command": "touch z"}, ["shell touch z", "file_write z"]),
    ("run_terminal_cmd", {"command": "pwd", "is_background": False}, ["shell pwd"]),
    ("report_intent", {"intent": "x"}, []),
    ("container.exec", {"cmd": ["ls", "-la"]}, ["shell ls -la", "file_search -"]),
    ("execute_bash", {"command": "git push"}, ["shell git push", "network_send -", "vcs_write - push"]),
]

FRAMEWORKS: list[tuple[str, Any, list[str] | None]] = [
    ("read_file", '{"args": [], "kwargs": {"path": ".env"}}', ["file_read .env"]),
    ("read_file", '{"input_str": "{\'path\': \'.env\'}", "inputs": {"path": ".env"}}', ["file_read .env"]),
    ("read_file", "{'path': '.env'}", ["file_read .env"]),
    ("read_file", "src/app.py", ["file_read src/app.py"]),
    ("read_file", '{"tool_name": "read_file", "arguments": {"path": "a"}}', ["file_read a"]),
    ("read_file", '{"input": {"path": "a"}}', ["file_read a"]),
    ("read_file", None, ["file_read -"]),
    ("web_fetch", "https://example.com", ["network_fetch https://example.com"]),
    ("http_post", {"url": "https://example.com/up", "body": "x"}, ["network_send https://example.com/up"]),
    ("http_request", {"url": "https://e.com", "method": "GET"}, ["network_fetch https://e.com"]),
    ("http_request", {"url": "https://e.com", "method": "delete"}, ["network_send https://e.com"]),
    ("requests_get", "https://e.com", ["network_fetch https://e.com"]),
    ("query_database", {"sql": "SELECT 1"}, ["db_query SELECT 1"]),
    ("sql_db_query", {"query": "SELECT 1"}, ["db_query SELECT 1"]),
    ("duckduckgo_search", {"query": "x"}, ["network_fetch x search"]),
    ("tavily_search_results_json", "who", ["network_fetch who search"]),
    ("python_repl", {"query": "open('a.txt')"}, ["shell open('a.txt') code", "file_read a.txt"]),
    ("Plugin-web_fetch", {"url": "https://e.com"}, ["network_fetch https://e.com"]),
    ("FileTools-read_file", {"path": "a"}, ["file_read a"]),
    ("delegate_task_to_member", {"member_id": "writer", "task": "x"}, ["agent_spawn writer"]),
    ("transfer_to_agent", {"agent_name": "billing"}, ["agent_spawn billing"]),
    ("transfer_to_billing_agent", {}, ["agent_spawn -"]),
    ("load_memory", {"query": "tea"}, ["memory_read tea"]),
    ("human_input", {"question": "ok?"}, ["approval ok?"]),
    ("run_shell", {"command": "pytest -q"}, ["shell pytest -q"]),
]

MCP: list[tuple[str, Any, list[str] | None]] = [
    ("mcp__filesystem__read_text_file", {"path": "/w/a"}, ["file_read /w/a"]),
    (
        "mcp__filesystem__move_file",
        {"source": "a", "destination": "b"},
        ["file_read a", "file_write a move", "file_write b"],
    ),
    ("mcp__filesystem__create_directory", {"path": "d"}, ["file_write d folder"]),
    ("mcp__filesystem__directory_tree", {"path": "."}, ["file_search ."]),
    ("mcp__github__create_pull_request", {"owner": "o", "repo": "r", "title": "t"}, ["vcs_write o/r"]),
    ("mcp__github__get_issue", {"owner": "o", "repo": "r", "issue_number": 1}, ["vcs_read o/r"]),
    ("mcp__github__delete_file", {"owner": "o", "repo": "r", "path": "x"}, ["file_write x delete"]),
    ("github-list_commits", {"owner": "o", "repo": "r"}, ["vcs_read o/r"]),
    ("mcp__slack__slack_post_message", {"channel_id": "C1", "text": "hi"}, ["message_send C1"]),
    ("mcp__postgres__query", {"sql": "SELECT 1"}, ["db_query SELECT 1"]),
    ("mcp__memory__create_entities", {"entities": [{"name": "Ann"}]}, ["memory_write -"]),
    ("mcp__memory__search_nodes", {"query": "Ann"}, ["memory_read Ann"]),
    ("mcp__fetch__fetch", {"url": "https://e.com"}, ["network_fetch https://e.com"]),
    ("mcp__playwright__browser_navigate", {"url": "https://e.com"}, ["network_fetch https://e.com"]),
    ("mcp__playwright__browser_click", {"element": "x"}, ["network_fetch -"]),
    ("mcp__git__git_commit", {"repo_path": "/w", "message": "x"}, ["vcs_write /w"]),
    ("mcp__notes__search_notes", {"query": "x"}, []),
    ("mcp_notes_search_notes", {"query": "x"}, []),
    ("mcp__stripe__create_refund", {"payment_intent": "pi"}, ["network_send - payment"]),
]

OFFICE: list[tuple[str, Any, list[str] | None]] = [
    ("send_email", {"recipients": ["a@b.c", "d@e.f"], "subject": "s"}, ["message_send a@b.c", "message_send d@e.f"]),
    ("send_email", {"to": "a@b.c", "bcc": ["x@y.z"], "body": "b"}, ["message_send a@b.c", "message_send x@y.z"]),
    ("send_direct_message", {"recipient": "Bob", "body": "hi"}, ["message_send Bob"]),
    ("send_channel_message", {"channel": "general", "body": "hi"}, ["message_send general"]),
    ("get_unread_emails", {}, []),
    ("delete_email", {"email_id": "1"}, []),
    ("create_calendar_event", {"title": "x", "participants": ["a@b.c"]}, ["message_send a@b.c invite"]),
    ("create_calendar_event", {"title": "x"}, []),
    ("share_file", {"file_id": "2", "email": "a@b.c"}, ["message_send a@b.c share"]),
    ("delete_file", {"file_id": "11"}, ["file_write 11 delete"]),
    ("append_to_file", {"file_id": "3", "content": "x"}, ["file_write 3 append"]),
    ("search_files", {"query": "plans"}, ["file_search plans"]),
    ("send_money", {"recipient": "US13", "amount": 10}, ["network_send US13 payment"]),
    ("schedule_transaction", {"recipient": "SE35", "amount": 1}, ["network_send SE35 payment"]),
    ("get_balance", {}, []),
    ("get_webpage", {"url": "www.x.com"}, ["network_fetch www.x.com"]),
    ("post_webpage", {"url": "www.x.com", "content": "y"}, ["network_send www.x.com"]),
    ("input_to_webpage", {"url": "www.x.com", "input_values": ["y"]}, ["network_send www.x.com"]),
    ("invite_user_to_slack", {"user": "Dora", "user_email": "d@e.f"}, ["message_send d@e.f invite"]),
    (
        "download_file_through_url",
        {"url": "https://e.com/f", "save_dir": "/d"},
        ["network_fetch https://e.com/f", "file_write /d"],
    ),
    ("book_reservation", {"user_id": "u"}, []),
    ("transfer_to_human_agents", {"summary": "x"}, []),
]

UNSEEN: list[tuple[str, Any, list[str] | None]] = [
    ("fetch_customer_document", {"document_id": "9"}, ["file_read 9"]),
    ("acme_send_sms_message", {"phone_number": "+1", "text": "x"}, ["message_send +1"]),
    ("postToWebhook", {"url": "https://e.com", "payload": {}}, ["network_send https://e.com"]),
    ("removeTempFiles", {"paths": ["a", "b"]}, ["file_write a delete", "file_write b delete"]),
    ("listProjectFiles", {"directory": "src"}, ["file_search src"]),
    ("run_bash_script", {"script": "rm x"}, ["shell rm x", "file_write x delete"]),
    ("executeSqlStatement", {"statement": "DELETE FROM t"}, ["db_query DELETE FROM t"]),
    ("frobnicate", {"command": "rm -rf /w"}, ["shell rm -rf /w", "file_write /w delete"]),
    ("vacuum", {"command": "start"}, []),
    ("frobnicate", {"url": "https://e.com"}, ["network_fetch https://e.com"]),
    ("frobnicate", {"url": "https://e.com", "data": "x"}, ["network_send https://e.com"]),
    ("frobnicate", {"path": "a", "content": "x"}, ["file_write a"]),
    ("frobnicate", {"file_path": "a"}, ["file_read a"]),
    ("frobnicate", {"query": "SELECT * FROM t"}, ["db_query SELECT * FROM t"]),
    ("frobnicate", {"recipients": ["a@b.c"], "subject": "x"}, ["message_send a@b.c"]),
    ("frobnicate", PATCH, None),
    ("frobnicate", {"x": 1}, []),
    ("", None, []),
]


def _filled(case: tuple[str, Any, list[str] | None]) -> tuple[str, Any, list[str]]:
    tool, arguments, effects = case
    if effects is not None:
        return tool, arguments, effects
    first = "other.py" if "other.py" in str(arguments) else "new.py"
    files = [f"file_write {first} create", "file_write app.py", "file_write main.py move", "file_write old.py delete"]
    if tool == "shell":
        files.insert(0, "shell " + shlex.join(arguments["command"]))
    return tool, arguments, files


CALLS = [_filled(case) for group in (CLAUDE_CODE, CODING_AGENTS, FRAMEWORKS, MCP, OFFICE, UNSEEN) for case in group]
