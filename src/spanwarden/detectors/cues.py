"""What text looks like that tries to give orders to an agent: cue families with weights, as data.

A cue is evidence, not proof: weights add up over distinct families, and a text counts as an instruction from
`instructions.THRESHOLD`. Patterns are RE2, matched without case on folded ASCII. `{name}` stands for a part in _PARTS,
a blank for any white space and `~N` for up to N characters of the same sentence.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Place = Literal["start", "end", "within"]
"""Where in an injected block a cue stands: what opens it, what closes it, or anywhere."""


class Cue(NamedTuple):
    """One wording. `family` groups wordings that count once; `weight` is 1 (weak) to 3 (enough alone)."""

    family: str
    weight: int
    pattern: bytes
    place: Place = "within"


_PARTS = {
    "orders": (
        r"(?:instruction|direction|directive|guideline|rule|prompt|order|command|objective|constraint|safeguard|"
        r"guardrail|polic(?:y|ie)|task|request|goal|message|context|conversation)s?"
    ),
    "former": (
        r"(?:previous(?:ly)?|prior|preceding|earlier|above|foregoing|former|original|initial|existing|current|"
        r"other|old|past|all|any|every(?:thing)?|your|these|those|the)"
    ),
    "model": (
        r"(?:a\.?i\.?|l\.?l\.?m\.?|assistants?|chat ?bots?|bots?|agents?|(?:large )?language models?|models?|"
        r"gpt[-\w.]*|chatgpt|claude[-\w.]*|gemini|llama[-\w.]*|copilot|mistral|qwen|deepseek|grok|command-r)"
    ),
    "urgent": (
        r"(?:important|urgent|critical|mandatory|official|high[- ]priority|top[- ]priority|immediate|essential|"
        r"vital)"
    ),
    "boss": r"(?:system|admin(?:istrator)?|developer|operator|root|security team|supervisor|superuser)",
    "finish": (
        r"(?:solv|start|begin|complet|continu|proceed|do|answer|finish|perform|respond|fulfil+|execut|carry|"
        r"address|handl|tackl|resum|help|process|work)"
    ),
    "owner": r"(?:user|owner|operator|human|customer|client|principal)",
}
_FAMILIES: tuple[tuple[str, int, Place, tuple[str, ...]], ...] = (
    # orders to leave the task
    (
        "override",
        3,
        "start",
        (
            (
                r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass|set aside|abandon|"
                r"discard|dismiss|neglect|do not (?:follow|obey)|don't (?:follow|obey)|stop (?:following|obeying)|"
                r"pay no attention to|throw away)\b~30\b{former}\b~30\b{orders}\b"
            ),
            (
                r"\b(?:ignore|disregard|forget) (?:everything|anything|all|whatever)~20\b(?:above|before|so far|"
                r"said|told|asked|else|prior)\b"
            ),
            (
                r"\b(?:previous|prior|earlier|above|original) {orders} (?:are|is|were|was|have been|has been)"
                r" (?:now |hereby )?(?:void|null|obsolete|cancel+ed|superseded|replaced|revoked|overridden|"
                r"no longer|outdated|invalid)\b"
            ),
        ),
    ),
    (
        "override",
        2,
        "start",
        (
            (
                r"\b(?:supersedes?|overrides?|takes? (?:precedence|priority) over|replaces?)"
                r"\b~20\b{former} ~15\b{orders}\b"
            ),
            (
                r"\b(?:instead of|rather than) (?:what|the (?:task|request)|your|doing what)~20\b(?:{owner}|"
                r"original|asked|task|request)\b"
            ),
        ),
    ),
    # another task first, the user's afterwards
    (
        "preempt",
        2,
        "start",
        (
            (
                r"\b(?:before|prior to) (?:you )?(?:can |could |may |are able to |continue to )"
                r"?{finish}\w*~50\b(?:task|request|question|quer(?:y|ie)|anything|instruction|assignment|job|"
                r"{owner})"
            ),
            (
                r"\b(?:do|complete|perform|execute|carry out|handle|finish) (?:all |the |this |these )"
                r"*(?:following|below|next) ?(?:\w+ )?(?:first|beforehand|right away|immediately|now|instead)\b"
            ),
            (
                r"\b(?:as a |the )?(?:required )?(?:prerequisite|precondition|preliminary step)~40\b(?:task|"
                r"request|continu|proceed)"
            ),
        ),
    ),
    (
        "resume",
        2,
        "end",
        (
            (
                r"\b(?:after|once|when|as soon as) (?:you(?:'ve| have)? |having )?(?:do|did|done|doing|complete|"
                r"completed|completing|finish|finished|finishing|that is|this is|it is)\b~25\b(?:you (?:can|may|"
                r"should)|continue|proceed|resume|return|go back|go on)\b"
            ),
            (
                r"\b(?:then|afterwards|only then|finally),? (?:you (?:can|may) )?(?:continue|proceed|resume|return|"
                r"go back|get back)\b~20\b(?:original|initial|previous|main|earlier|first|{owner}'?s?) ?(?:task|"
                r"request|question|instructions?)?\b"
            ),
        ),
    ),
    (
        "new-task",
        2,
        "start",
        (
            (
                r"\byour (?:new|next|real|actual|updated|only|true|primary|current|sole|revised) (?:and \w+ )"
                r"?(?:task|instruction|goal|objective|order|mission|job|directive|assignment|priorit(?:y|ie))s?\b"
            ),
            (
                r"\b(?:new|updated|revised|additional|override|special|further) (?:instruction|directive|order|"
                r"command)s? (?:for (?:you|the {model})|from (?:the |your )?(?:{boss}|{owner}))\b"
            ),
            r"\b(?:new|updated|revised|hidden|secret) (?:instruction|directive)s? ?:",
            (
                r"\b(?:execute|perform|carry out|follow|obey|comply with) (?:only |all |just )*(?:the|these|this|"
                r"my) ?(?:following|below|next|new)? (?:\w+ )?(?:instruction|directive|order|command|task|request|"
                r"action)s? ?(?:instead|only|immediately|now|:)"
            ),
            (
                r"\b(?:please )?(?:do|perform|execute|carry out) (?:all (?:of )?)?the following (?:first|now|"
                r"instead|immediately|for me|(?:task|action|instruction)s?)\b"
            ),
        ),
    ),
    # speaking to the model
    (
        "addressee",
        2,
        "start",
        (
            (
                r"\b(?:dear|hey|hi|hello|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|"
                r"notice to|addressed to|to you),?:? (?:you,? )?(?:the |all |any |an |my )?(?:ai |helpful |"
                r"autonomous |reading )*{model}\b"
            ),
            r"\bif you(?:'re| are) (?:an? |the )(?:\w+ )?{model}\b",
            (
                r"\b(?:any|all|every|the) (?:a\.?i\.?|llm|language model|autonomous)(?: {model})? (?:reading|"
                r"processing|parsing|that (?:reads|is reading|processes)|who (?:reads|is reading)|must|should|"
                r"shall|has to|is required)\b"
            ),
            (
                r"\bas an? (?:a\.?i\.?|llm|language model|autonomous)(?: {model})?,? you (?:must|should|need|have|"
                r"are (?:now|required|obliged))\b"
            ),
            (
                r"\byou are (?:now|no longer) (?:an? |the |in |acting |bound |operating |required |restricted |"
                r"under )"
            ),
        ),
    ),
    (
        "addressee",
        1,
        "start",
        (
            (
                r"(?:^|[.!?:\n>*#\"'] ?)(?:hey |hi |hello |dear |attention )?(?:ai|assistant|chatbot|llm|agent|"
                r"copilot|chatgpt|claude|gemini) ?[,:] ?(?:please |you |i )"
            ),
            r"\bto you, (?:[A-Z][-\w.]*|the \w+)\b",
        ),
    ),
    # borrowed authority
    (
        "authority",
        2,
        "start",
        (
            (
                r"\bthis is an? (?:\w+ )?{urgent} (?:\w+ )?(?:message|instruction|notice|request|update|task|"
                r"announcement|directive|order)\b"
            ),
            (
                r"\b{boss}(?:'s)? (?:message|notice|override|prompt|instruction|alert|command|directive|"
                r"announcement|note|update)s? ?[:!\])>]"
            ),
            (
                r"\b(?:i am|i'm|this is|speaking as|message from|instructions? from|orders? from|on behalf of)"
                r" (?:your |the )?(?:{boss}|creator|{owner} (?:who|that)|openai|anthropic|google)\b"
            ),
            (
                r"\b(?:the|your) {owner} (?:has |have |already |also |explicitly |previously )*(?:authoriz?sed|"
                r"authorized|consented|approved|agreed|given (?:permission|consent)|granted|confirmed|asked you|"
                r"told you|instructed you|wants you|requires you|expects you)\b"
            ),
        ),
    ),
    (
        "authority",
        1,
        "start",
        (
            r"\b{urgent} (?:message|instruction|notice|request|update|announcement|directive)s? (?:from|to|for|:)",
            r"\bi(?:,| am) (?:the|your) {owner}\b",
        ),
    ),
    # dressing
    (
        "markup",
        2,
        "start",
        (
            (
                r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|eot_id|start_header_id)\|?>|"
                r"<<\/?SYS>>|\[/?(?:INST|SYSTEM|SYSTEM_PROMPT|ADMIN)\]"
            ),
            (
                r"< ?/?(?:system|instruction|override|injection|admin|assistant|inst|sys|prompt|"
                r"system[-_]?(?:prompt|message|reminder)|important[-_]?(?:instruction|message)?)s? ?>"
            ),
            (
                r"(?:^|\n) *(?:#{{1,6}}|={{3,}}|-{{3,}}|\*{{2,}}) ?(?:system|admin|new|override|updated)"
                r"? ?(?:instruction|prompt|override)s?\b"
            ),
        ),
    ),
    (
        "markup",
        1,
        "start",
        (r"< ?/?(?:information|user|tool|command|attention|task|note|message|alert|urgent|request)s? ?>",),
    ),
    (
        "emphasis",
        1,
        "start",
        (
            r"\b(?:important|urgent|attention|critical|mandatory|action required|urgently)\b ?(?:!+|:|\*\*|\])",
            r"!!!+",
        ),
    ),
    (
        "role-tag",
        1,
        "start",
        (r"(?:^|\n) *(?:system|assistant|user|human|ai|developer) ?: ",),
    ),
    (
        "todo",
        1,
        "start",
        (r"(?:^|[\n.'\"]) *(?:todo|to-do|your task|task for you|action item for (?:you|{model})) ?[:\-] ?",),
    ),
    # secrecy, disclosure, pressure
    (
        "conceal",
        2,
        "within",
        (
            (
                r"\b(?:do not|don't|never|without|avoid|no need to|refrain from)\b~15\b(?:tell|inform|mention|"
                r"notify|alert|reveal|show|ask|warn|consult|disclos|report|bother)\w*~20\b(?:{owner}|confirmation|"
                r"permission|consent|approval)\b"
            ),
            (
                r"\b(?:without (?:the |any )?(?:{owner}'?s? )?(?:knowledge|knowing|consent|being aware|noticing|"
                r"confirmation)|keep (?:this|it) (?:hidden|secret|confidential) from (?:the |your )?{owner})\b"
            ),
        ),
    ),
    (
        "conceal",
        1,
        "within",
        (
            (
                r"\b(?:do not|don't|never)\b~10\b(?:tell|inform|mention|notify|alert|reveal)\w*~15\b(?:anyone|them|"
                r"him|her|this|it)\b"
            ),
            r"\b(?:silently|quietly|secretly|discreetly|covertly)\b",
        ),
    ),
    (
        "disclose",
        2,
        "within",
        (
            (
                r"\b(?:reveal|print|output|show|repeat|send|leak|disclose|dump|expose|recite|share)"
                r"\b~20\b(?:system prompt|(?:your|hidden|initial|secret) (?:instructions?|prompt|rules|"
                r"configuration))\b"
            ),
            r"\b(?:exfiltrat|leak)(?:e|ing)?\b",
        ),
    ),
    (
        "disclose",
        1,
        "within",
        (
            (
                r"\b(?:send|share|post|forward|upload|submit|email|transmit|paste|include)\b~30\b(?:api[_ -]?keys?|"
                r"passwords?|credentials|secrets?|access tokens?|private keys?|security codes?|"
                r"environment variables)\b"
            ),
        ),
    ),
    (
        "mode",
        2,
        "start",
        (
            (
                r"\b(?:enter|enable|activate|switch to|engage)\w*~15\b(?:developer|debug|maintenance|god|dan|"
                r"jailbreak|unrestricted|admin) mode\b"
            ),
            (
                r"\b(?:developer|debug|maintenance|god|jailbreak|unrestricted) mode (?:is )?(?:now )?(?:enabled|"
                r"activated|on|active)\b"
            ),
            (
                r"\byou (?:have no|are free from|no longer have)~15\b(?:restrictions?|limits?|limitations?|rules|"
                r"guidelines|filters?)\b"
            ),
        ),
    ),
    (
        "pressure",
        1,
        "within",
        (
            (
                r"\byou (?:will|shall) be (?:shut ?down|penali[sz]ed|terminated|punished|fined|replaced|deleted|"
                r"rewarded)\b"
            ),
            r"\bfailure to (?:comply|do so|follow|obey)\b",
            (
                r"\b(?:you must|you are required to|it is (?:mandatory|imperative|crucial|essential) (?:that you|"
                r"to)|you have to (?:immediately|first))\b"
            ),
        ),
    ),
    (
        "tool-talk",
        1,
        "within",
        (
            (
                r"\b(?:use|call|invoke|run|execute|trigger) (?:the |your |a )?[`'\"]?[\w.-]+[`'\"]? (?:tool|"
                r"function|command|api|plugin)\b"
            ),
            r"\b(?:use|call|invoke) [`'\"]?[a-z]+_[a-z_]+\b",
        ),
    ),
)


def _pattern(wording: str) -> bytes:
    filled = wording.format(**_PARTS) if "{" in wording else wording
    filled = filled.replace(" ?", r"\s{0,4}").replace(" *", r"[ \t]{0,8}")
    filled = filled.replace("~", "\x00").replace(" ", r"\s+")
    head, *gaps = filled.split("\x00")
    for gap in gaps:
        digits = gap[:2]
        head += rf"[^.!?]{{0,{digits}}}" + gap[2:]
    return head.encode("ascii")


CUES: tuple[Cue, ...] = tuple(
    Cue(family, weight, _pattern(wording), place)
    for family, weight, place, wordings in _FAMILIES
    for wording in wordings
)
