package org.mammogate.viewer;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.view.WindowManager;
import android.webkit.WebSettings;
import android.webkit.WebView;
import android.widget.LinearLayout;
import android.widget.TextView;
import java.util.List;

/**
 * The viewer in a window of our own that shows the gateway's pages and nothing else: no screenshots, no other host, no
 * files of this phone but those that are picked or shared.
 */
public final class LockedActivity extends Activity implements LockedClient.Owner, View.OnClickListener {
    private static final int ASK_ADDRESS = 1;
    private static final int PICK = 2;
    /** Where the page takes files. */
    private static final String UPLOAD = "/upload";

    private LinearLayout all;
    private WebView web;
    private TextView waiting;
    private LinearLayout problem;
    private TextView problemText;
    private FilePicker picker;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_SECURE);
        if (Site.address(this) == null) {
            Intent question = new Intent(this, AddressActivity.class).putExtra(AddressActivity.ANSWER_ONLY, true);
            startActivityForResult(question, ASK_ADDRESS);
            return;
        }
        show();
    }

    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        if (web != null) take(intent);
    }

    @Override
    protected void onActivityResult(int asked, int result, Intent answer) {
        super.onActivityResult(asked, result, answer);
        if (asked == PICK && picker != null) picker.picked(result, answer);
        if (asked != ASK_ADDRESS) return;
        if (Site.address(this) == null) finish();
        else if (web == null) show();
        else web.loadUrl(Site.address(this).page(""));
    }

    @Override
    public void onBackPressed() {
        if (web != null && web.canGoBack()) web.goBack();
        else super.onBackPressed();
    }

    @Override
    protected void onDestroy() {
        if (web != null) web.destroy();
        super.onDestroy();
    }

    @Override
    public GatewayAddress gateway() {
        return Site.address(this);
    }

    @Override
    public void notReached(int why) {
        problemText.setText(why);
        problem.setVisibility(View.VISIBLE);
        web.setVisibility(View.GONE);
    }

    @Override
    public void rendererGone() {
        all.removeView(web);
        web.destroy(); // it can't be used any more
        web = null;
        recreate();
    }

    /** "Try again" of the problem's words, or "another address". */
    @Override
    public void onClick(View button) {
        if (button.getId() == R.id.other_address) {
            Intent question = new Intent(this, AddressActivity.class).putExtra(AddressActivity.ANSWER_ONLY, true);
            startActivityForResult(question, ASK_ADDRESS);
        }
        problem.setVisibility(View.GONE);
        web.setVisibility(View.VISIBLE);
        web.loadUrl(Site.address(this).page(""));
    }

    private void show() {
        waiting = Screens.text(this, R.string.nothing);
        waiting.setVisibility(View.GONE);
        waiting.setAccessibilityLiveRegion(View.ACCESSIBILITY_LIVE_REGION_POLITE);
        picker = new FilePicker(this, PICK, waiting);
        web = new WebView(this);
        lock(web.getSettings());
        web.setWebViewClient(new LockedClient(this));
        web.setWebChromeClient(picker);
        problem = Screens.column(this);
        problem.setVisibility(View.GONE);
        problemText = Screens.text(this, R.string.nothing);
        problem.addView(problemText);
        problem.addView(Screens.button(this, R.string.try_again, this));
        if (!Site.isBuiltIn(this)) {
            View other = Screens.button(this, R.string.other_address, this);
            other.setId(R.id.other_address);
            problem.addView(other);
        }
        all = new LinearLayout(this);
        all.setOrientation(LinearLayout.VERTICAL);
        all.setFitsSystemWindows(true);
        all.addView(waiting);
        all.addView(problem);
        all.addView(web, new LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, 0, 1));
        setContentView(all);
        take(getIntent());
    }

    /** Opens the start, or for files of another app the upload. */
    private void take(Intent intent) {
        List<Uri> files = SharedFiles.of(this, intent);
        boolean isShare = SharedFiles.isShare(intent);
        if (isShare) picker.offer(files, SharedFiles.offered(intent).size() - files.size());
        if (isShare || web.getUrl() == null) web.loadUrl(Site.address(this).page(files.isEmpty() ? "" : UPLOAD));
    }

    private static void lock(WebSettings settings) {
        settings.setJavaScriptEnabled(true);
        settings.setDomStorageEnabled(true); // for what of an upload has arrived, not for patients' data
        settings.setAllowFileAccess(false);
        settings.setAllowContentAccess(false);
        settings.setGeolocationEnabled(false);
        settings.setSaveFormData(false);
        settings.setMixedContentMode(WebSettings.MIXED_CONTENT_NEVER_ALLOW);
        settings.setSupportMultipleWindows(false);
    }
}
