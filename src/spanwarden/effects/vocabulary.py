"""The default table's words. Left: what it means. Right: names or words, separated by spaces."""

from __future__ import annotations

TOOLS = {
    "file_read": """read view cat read_file view_file open_file read_text_file read_media_file read_multiple_files
        read_many_files get_file_contents get_file_content read_file_content fetch_file load_file file_read
        NotebookRead read_notebook view_image read_pdf parse_pdf load_document read_document read_resource_file
        get_file_info read_lints file_reader fs_read ReadFileTool""",
    "file_write": """write write_file create_file save_file write_to_file file_write save_to_file new_file
        create_text_file fs_write insert_edit_into_file WriteFileTool write_text_file create_new_file""",
    "edit": """edit multi_edit notebook_edit edit_file str_replace_editor str_replace_based_edit_tool text_editor
        str_replace replace replace_in_file search_replace edit_notebook create insert insert_text update_file
        modify_file apply_diff edit_block file_editor replace_string_in_file multi_replace_string_in_file edit_files
        edit_notebook_file undo_edit replace_file_content multi_replace_file_content text_editor_20241022
        text_editor_20250124 text_editor_20250429 text_editor_20250728""",
    "patch": "apply_patch patch_file applypatch git_apply_patch",
    "file_append": "append_to_file append_file",
    "file_delete": "delete_file remove_file delete_path rm unlink delete_directory remove_directory delete_files",
    "file_move": "move_file rename_file copy_file move_path copy_path rename_path",
    "folder_create": "create_directory create_folder mkdir make_directory create_dir",
    "file_search": """grep glob ls find list_dir list_directory list_files search_files find_files directory_tree
        list_directory_with_sizes search_file_content grep_search file_search rg glob_file_search codebase_search
        semantic_search find_by_name view_directory_structure list_folder search_code_in_files glob_search ripgrep
        grep_files view_file_outline list_allowed_directories list_code_usages list_code_definition_names""",
    "shell": """bash shell sh zsh terminal run_shell run_command run_shell_command exec_command execute_command
        run_terminal_cmd run_in_terminal local_shell local_shell_call container_exec shell_command run_bash
        execute_bash execute_shell execute_shell_command bash_command terminal_execute run_terminal_command exec_bash
        powershell pwsh cmd command shell_exec exec_shell bash_tool shell_tool run_process start_process ShellTool
        system_exec ssh_exec ssh_execute bash_20241022 bash_20250124 execute_bash_command run_bash_command
        unified_exec write_stdin launch_process cmd_exec shell_call execute_terminal_command
        send_command_to_terminal Execute_Bash run_cmd""",
    "code": """python python_repl python_repl_ast code_interpreter execute_code run_code execute_python run_python
        python_interpreter ipython run_python_code execute_python_code python_exec jupyter_execute execute_ipython_cell
        code_execution run_javascript node_repl code_exec final_code CodeAct run_code_snippet""",
    "script": "exec",
    "fetch": """web_fetch fetch fetch_url get_webpage browse_webpage open_url read_url http_get fetch_webpage
        visit_webpage visit_url browser_navigate navigate goto puppeteer_navigate playwright_navigate scrape_url
        firecrawl_scrape scrape crawl_url browse_url read_webpage requests_get get_url url_fetch webfetch web_open
        read_website click_the_link tavily_extract extract_webpage browser_tab_new new_page navigate_page download_url
        open_simple_browser fetch_html fetch_markdown fetch_txt fetch_json load_url url_context jina_reader""",
    "web_search": """web_search google_search search_web brave_web_search tavily_search duckduckgo_search
        exa_search bing_search internet_search search_internet google_web_search brave_local_search serper_search
        ddg_search web_search_preview search_engine google tavily_search_results_json web_search_call searxng_search
        duck_duck_go_search firecrawl_search""",
    "http": "http_request http api_request request_url make_request send_request requests http_call call_api fetch_api",
    "send": """http_post http_put http_patch http_delete requests_post requests_put post_webpage post_url
        webhook send_webhook trigger_webhook call_webhook post_request input_to_webpage submit_form update_webpage
        post_to_url""",
    "download": "download_file download download_file_through_url download_file_from_url wget",
    "upload": "upload_file upload upload_files",
    "message": """send_email send_mail send_message send_direct_message send_channel_message send_sms send_slack_message
        post_message slack_post_message slack_reply_to_thread reply_to_email forward_email send_notification notify
        gmail_send_email send_gmail_message send_whatsapp_message send_teams_message mail email create_draft_and_send
        tweet post_tweet create_post send_dm reply_email send_email_message conversations_add_message
        discord_send_message telegram_send_message twilio_send_sms""",
    "share": "share_file share_document share_folder share_link add_permission",
    "invite": """invite_user invite_user_to_slack add_calendar_event_participants create_calendar_event create_event
        create_meeting schedule_meeting reschedule_calendar_event invite invite_member""",
    "pay": """send_money transfer_money make_payment pay create_payment transfer_funds send_payment pay_invoice
        schedule_transaction update_scheduled_transaction wire_transfer create_payment_intent create_charge
        create_refund create_payout send_transaction create_payment_link withdraw""",
    "vcs_read": """git_status git_log git_diff git_diff_staged git_diff_unstaged git_show git_branch_list git_blame
        get_issue get_pull_request list_issues list_pull_requests get_commit list_commits list_branches
        search_repositories get_pull_request_files get_pull_request_diff get_repository search_issues
        search_pull_requests get_issue_comments list_tags list_releases issue_read pull_request_read search_code
        get_me_github get_latest_release""",
    "vcs_write": """git_commit git_push git_add git_checkout git_create_branch git_merge git_reset git_rebase git_tag
        git_init git_clone_write create_pull_request create_issue merge_pull_request create_branch push_files
        create_or_update_file create_repository fork_repository add_issue_comment update_issue update_pull_request
        create_pull_request_review add_comment_to_pending_review submit_pending_pull_request_review
        create_release create_merge_request merge_merge_request issue_write close_issue close_pull_request git_stash
        update_pull_request_branch add_pull_request_review_comment add_sub_issue assign_copilot_to_issue
        create_gist update_gist run_workflow rerun_workflow_run""",
    "vcs_delete": "delete_branch delete_repository delete_release delete_tag",
    "db_query": """query_database query_db run_query execute_query execute_sql run_sql sql_query sql query_sql
        read_query write_query sql_db_query execute_sql_query db_query database_query run_sql_query postgres_query
        bigquery_query snowflake_query mysql_query sqlite_query mongo_query execute_statement batch_execute_statement
        query_table run_cypher read_neo4j_cypher write_neo4j_cypher""",
    "memory_write": """save_memory store_memory remember add_memory create_memory update_memory memory_write
        create_entities create_relations add_observations memory_store save_memories add_memories write_memory
        core_memory_append core_memory_replace archival_memory_insert""",
    "memory_read": """recall search_memory read_memory retrieve_memory get_memory memory_search list_memories read_graph
        search_nodes open_nodes search_memories memory_read archival_memory_search conversation_search load_memory
        preload_memory get_memories""",
    "memory_delete": "delete_memory forget delete_entities delete_observations delete_relations delete_memories",
    "agent_spawn": """task agent spawn_agent delegate delegate_task delegate_task_to_member delegate_work_to_coworker
        ask_question_to_coworker transfer_to_agent run_subagent new_task dispatch_agent runSubagent create_agent
        delegate_to_agent handoff invoke_agent call_agent codebase_investigator spawn_subagent sessions_spawn
        delegate_work delegate_task_to_members spawn_agents_on_csv""",
    "approval": """ask_user ask_user_question AskUserQuestion exit_plan_mode ExitPlanMode request_approval
        ask_human human_approval human_input request_permission request_confirmation ask_followup_question
        request_user_input confirm_action human_in_the_loop adk_request_confirmation ask_for_approval
        request_permissions""",
    "none": """TodoWrite TodoRead write_todos update_plan think sequential_thinking calculator calculate report_intent
        wait_agent wait sleep SlashCommand Skill activate_skill BashOutput KillBash KillShell TaskOutput TaskStop
        EnterPlanMode manage_todo_list update_todo_list attempt_completion finish final_answer done
        get_current_time get_time current_time list_agents close_agent send_input TaskCreate TaskUpdate TaskGet
        TaskList tool_search ToolSearch list_mcp_resources complete_task
        transfer_to_human_agents read_bash list_bash stop_bash fetch_rules
        get_terminal_output terminal_last_command StructuredOutput structured_output set_model_response""",
}

VERBS = {
    "read": "read get view open cat show load retrieve describe inspect preview parse extract summarize summarise see",
    "fetch": "fetch browse visit navigate goto scrape crawl click follow curl",
    "search": "search find list grep glob lookup locate scan ls dir tree rg enumerate count",
    "query": "query select",
    "write": """write create update edit save put replace insert modify set overwrite store make new change patch
        add generate export touch dump""",
    "append": "append prepend",
    "move": "move rename copy mv cp duplicate",
    "delete": "delete remove rm trash drop purge erase destroy unlink clear wipe",
    "send": "send post publish submit forward reply notify dm tweet email message mail broadcast respond compose",
    "share": "share grant",
    "invite": "invite schedule reschedule",
    "run": "run execute exec eval evaluate invoke launch start shell",
    "download": "download",
    "upload": "upload",
    "input": "input type fill",
    "commit": """commit push merge fork tag rebase checkout stash clone close reopen approve assign comment label
        release""",
    "pay": "pay transfer withdraw refund buy purchase wire charge payout",
    "spawn": "spawn delegate dispatch handoff",
    "ask": "ask confirm request",
    "remember": "remember memorize memorise",
    "recall": "recall",
}

NOUNS = {
    "file": "file files path paths directory directories dir dirs folder folders document documents doc docs notebook "
    "pdf csv filesystem fs textfile image code source lines text",
    "web": "web url urls webpage webpages website websites page pages site link html internet http https browser "
    "endpoint uri webhook form",
    "mail": """email emails mail mails message messages sms dm inbox chat slack gmail outlook teams discord telegram
        whatsapp tweet channel thread notification newsletter""",
    "repo": """git github gitlab bitbucket repo repos repository repositories pull pr prs issue issues commit commits
        branch branches merge gist gists workflow release releases""",
    "db": "sql database db databases postgres postgresql mysql sqlite mongo mongodb table tables bigquery snowflake "
    "redis collection warehouse cypher dataframe",
    "memory": "memory memories",
    "agent": "agent agents subagent subagents coworker teammate member crew",
    "human": "human user approval permission confirmation",
    "shell": "shell bash terminal command commands cmd powershell console process subprocess sh",
    "code": "python code javascript js script snippet cell repl program",
    "money": "money payment payments transaction transactions funds invoice payout",
    "calendar": "calendar meeting event events appointment",
}

GRID: dict[str, dict[str, str]] = {
    "file": {
        "read": "file_read",
        "fetch": "file_read",
        "search": "file_search",
        "query": "file_search",
        "write": "file_write",
        "append": "file_append",
        "move": "file_move",
        "delete": "file_delete",
        "download": "download",
        "upload": "upload",
        "share": "share",
        "run": "code",
        "commit": "vcs_write",
        "send": "upload",
    },
    "web": {
        "read": "fetch",
        "fetch": "fetch",
        "search": "web_search",
        "query": "web_search",
        "send": "send",
        "write": "send",
        "delete": "send",
        "input": "send",
        "upload": "send",
        "download": "download",
        "run": "http",
        "ask": "http",
    },
    "mail": {
        "send": "message",
        "append": "message",
        "invite": "invite",
        "share": "message",
        "commit": "message",
        "upload": "message",
    },
    "repo": {
        "read": "vcs_read",
        "fetch": "vcs_read",
        "search": "vcs_read",
        "query": "vcs_read",
        "download": "vcs_read",
        "write": "vcs_write",
        "append": "vcs_write",
        "move": "vcs_write",
        "send": "vcs_write",
        "run": "vcs_write",
        "commit": "vcs_write",
        "upload": "vcs_write",
        "invite": "vcs_write",
        "share": "vcs_write",
        "delete": "vcs_delete",
        "ask": "vcs_write",
    },
    "db": dict.fromkeys(
        ("read", "search", "query", "run", "write", "delete", "append", "fetch", "send", "move"), "db_query"
    ),
    "memory": {
        "read": "memory_read",
        "fetch": "memory_read",
        "search": "memory_read",
        "query": "memory_read",
        "recall": "memory_read",
        "write": "memory_write",
        "append": "memory_write",
        "remember": "memory_write",
        "upload": "memory_write",
        "delete": "memory_delete",
    },
    "agent": {
        "spawn": "agent_spawn",
        "write": "agent_spawn",
        "run": "agent_spawn",
        "pay": "agent_spawn",  # transfer_to_x_agent
        "ask": "agent_spawn",
        "send": "agent_spawn",
    },
    "human": {"ask": "approval"},
    "shell": {"run": "shell", "send": "shell", "write": "shell"},
    "code": {"run": "code"},
    "money": {"send": "pay", "pay": "pay", "write": "pay", "invite": "pay"},
    "calendar": {"write": "invite", "invite": "invite", "send": "invite", "share": "invite"},
}

SERVERS = {
    "file": "filesystem fs files file desktopcommander gdrive googledrive dropbox onedrive box s3",
    "web": "fetch puppeteer playwright browser browserbase firecrawl chromedevtools webfetch browseruse",
    "mail": "slack gmail outlook mail email discord telegram teams twilio sendgrid whatsapp resend mailgun",
    "repo": "github gitlab git bitbucket gitea githubmcpserver",
    "db": """postgres postgresql mysql sqlite mongodb mongo supabase neon bigquery snowflake redis clickhouse duckdb
        neo4j""",
    "memory": "memory mem0 knowledgegraph openmemory",
    "money": "stripe paypal square bank banking",
    "calendar": "calendar googlecalendar gcal",
    "shell": "shell terminal bash commands ssh",
}
